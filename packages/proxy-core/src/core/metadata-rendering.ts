import type { Buffer } from 'node:buffer';
import type {
  AddressSlots,
  NodeAddress,
  SliceMeter,
  Slices,
  TaggedSlots,
} from '@undermoon/cluster-meta';
import { RespWriter } from '@undermoon/resp';
import type { RoutingTable } from './routing-table.ts';

/** What an address and a list of slots cost, in items of a slice. */
const NODE_WEIGHT = 4;
const RANGES_PER_ITEM = 2;
/** About how long a node's part of a large reply is. */
const NODE_BYTES = 120;
/** Ranges whose text is made in one go. */
const TEXT_RANGES = 256;

/** The first two of the six parts of UMCTL INFO, which depend on the table alone; in slices. */
export function* metadataSlices(table: RoutingTable, meter: SliceMeter): Slices<Buffer> {
  const name = table.clusterName ?? '';
  const local = yield* groupByAddress(table.meta?.local ?? [], meter);
  const peers = yield* groupByAddress(table.meta?.peers ?? [], meter);
  const writer = new RespWriter(2, NODE_BYTES * (local.size + peers.size));
  writer.array(6).bulk('Cluster').array(5).bulk(name);
  writer.bulk('local').array(3 + local.size);
  writer.bulk(`name: ${name}`).bulk(`epoch: ${table.epoch}`).bulk('nodes:');
  for (const [address, slots] of local) yield* writeNode(writer, address, slots, meter);
  writer
    .bulk('peer')
    .array(1 + peers.size)
    .bulk('peers:');
  for (const [address, slots] of peers) yield* writeNode(writer, address, slots, meter);
  return writer.take();
}

function* groupByAddress(
  nodes: readonly AddressSlots[],
  meter: SliceMeter,
): Slices<Map<NodeAddress, TaggedSlots[]>> {
  const groups = new Map<NodeAddress, TaggedSlots[]>();
  for (const { address, slots } of nodes) {
    const group = groups.get(address) ?? [];
    groups.set(address, group);
    for (const item of slots) {
      group.push(item);
      if (meter.isFullAfter(0.2)) yield;
    }
    if (meter.isFullAfter(1)) yield;
  }
  return groups;
}

function* writeNode(
  writer: RespWriter,
  address: NodeAddress,
  slots: readonly TaggedSlots[],
  meter: SliceMeter,
): Slices<void> {
  writer.array(2).bulk(address).array(slots.length);
  if (meter.isFullAfter(NODE_WEIGHT)) yield;
  for (const { ranges, tag } of slots) {
    let list = String(ranges.length);
    for (let at = 0; at < ranges.length; at += TEXT_RANGES) {
      const part = ranges.slice(at, at + TEXT_RANGES);
      for (const [start, end] of part) list += ` ${start}-${end}`;
      if (meter.isFullAfter(part.length / RANGES_PER_ITEM)) yield;
    }
    if (tag.kind === 'none') writer.array(1).bulk(list);
    else {
      const { meta } = tag;
      writer.array(6).bulk(String(meta.epoch));
      writer.bulk(`src_proxy: ${meta.srcProxyAddress}`).bulk(`src_node: ${meta.srcNodeAddress}`);
      writer.bulk(`dst_proxy: ${meta.dstProxyAddress}`).bulk(`dst_node: ${meta.dstNodeAddress}`);
      writer.bulk(list);
    }
    if (meter.isFullAfter(NODE_WEIGHT)) yield;
  }
}
