import type { Buffer } from 'node:buffer';
import {
  PackedSlots,
  type NodeAddress,
  type SliceMeter,
  type Slices,
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
const NO_SLOTS = new PackedSlots();
const NO_ITEM = -1;

/** The first two of the six parts of UMCTL INFO, which depend on the table alone; in slices. */
export function* metadataSlices(table: RoutingTable, meter: SliceMeter): Slices<Buffer> {
  const name = table.clusterName ?? '';
  const local = yield* groupByAddress(table.meta?.local ?? NO_SLOTS, meter);
  const peers = yield* groupByAddress(table.meta?.peers ?? NO_SLOTS, meter);
  const localCount = local.firstItems.length;
  const peerCount = peers.firstItems.length;
  const writer = new RespWriter(2, NODE_BYTES * (localCount + peerCount));
  writer.array(6).bulk('Cluster').array(5).bulk(name);
  writer.bulk('local').array(3 + localCount);
  writer.bulk(`name: ${name}`).bulk(`epoch: ${table.epoch}`).bulk('nodes:');
  for (const item of local.firstItems) yield* writeNode(writer, local, item, meter);
  writer
    .bulk('peer')
    .array(1 + peerCount)
    .bulk('peers:');
  for (const item of peers.firstItems) yield* writeNode(writer, peers, item, meter);
  return writer.take();
}

/** The items of each address as a chain, since nearly all of them have one. */
interface Groups {
  readonly list: PackedSlots;
  /** The first item of each address, in the order in which they came. */
  readonly firstItems: readonly number[];
  /** By item: the next one of the same address, or NO_ITEM. */
  readonly nextItem: Int32Array;
}

function* groupByAddress(list: PackedSlots, meter: SliceMeter): Slices<Groups> {
  const firstItems: number[] = [];
  const nextItem = new Int32Array(list.length).fill(NO_ITEM);
  const lastItemOf = new Map<NodeAddress, number>();
  for (let item = 0; item < list.length; item++) {
    const address = list.addressOf(item);
    const last = lastItemOf.get(address);
    if (last === undefined) firstItems.push(item);
    else nextItem[last] = item;
    lastItemOf.set(address, item);
    if (meter.isFullAfter(1)) yield;
  }
  return { list, firstItems, nextItem };
}

function* writeNode(
  writer: RespWriter,
  { list, nextItem }: Groups,
  first: number,
  meter: SliceMeter,
): Slices<void> {
  let count = 0;
  for (let item = first; item !== NO_ITEM; item = nextItem[item] ?? NO_ITEM) count += 1;
  writer.array(2).bulk(list.addressOf(first)).array(count);
  if (meter.isFullAfter(NODE_WEIGHT)) yield;
  for (let item = first; item !== NO_ITEM; item = nextItem[item] ?? NO_ITEM) {
    const ranges = yield* rangesText(list, item, meter);
    const tag = list.tagOf(item);
    if (tag.kind === 'none') writer.array(1).bulk(ranges);
    else {
      const { meta } = tag;
      writer.array(6).bulk(String(meta.epoch));
      writer.bulk(`src_proxy: ${meta.srcProxyAddress}`).bulk(`src_node: ${meta.srcNodeAddress}`);
      writer.bulk(`dst_proxy: ${meta.dstProxyAddress}`).bulk(`dst_node: ${meta.dstNodeAddress}`);
      writer.bulk(ranges);
    }
    if (meter.isFullAfter(NODE_WEIGHT)) yield;
  }
}

function* rangesText(list: PackedSlots, item: number, meter: SliceMeter): Slices<string> {
  const end = list.rangesEndOf(item);
  const start = list.rangesStartOf(item);
  let text = String(end - start);
  for (let from = start; from < end; from += TEXT_RANGES) {
    const to = Math.min(end, from + TEXT_RANGES);
    for (let range = from; range < to; range++) {
      text += ` ${list.startOf(range)}-${list.endOf(range)}`;
    }
    if (meter.isFullAfter((to - from) / RANGES_PER_ITEM)) yield;
  }
  return text;
}
