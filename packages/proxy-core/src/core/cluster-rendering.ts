import { Buffer } from 'node:buffer';
import type { SliceMeter, Slices } from '@undermoon/cluster-meta';
import { RespWriter } from '@undermoon/resp';
import { SLOT_COUNT } from '@undermoon/slots';
import {
  isFollowing,
  slotOwnersOf,
  type ClusterMember,
  type ClusterView,
  type ViewSource,
} from './cluster-view.ts';

/** Redis' distance from a node's port to its cluster bus port. Nothing listens there. */
const BUS_PORT_OFFSET = 10_000;

/** Which bytes a reply is written in. */
export type RespProtocol = 2 | 3;

/** What the pieces of replies cost, in items of a slice. */
const NODE_WEIGHT = 8;
const RANGE_WEIGHT = 1;
const OWNER_WEIGHT = 0.1;
/** About how long they are in a reply of many. */
const NODE_BYTES = 100;
const RANGE_BYTES = 20;
const HEAD_BYTES = 32;
const SHARD_BYTES = 260;
/** A text this long is written before it grows further. */
const TEXT_CHARS = 4096;

/** The members that are replicas of this one. */
export function replicasOf(view: ClusterView, member: ClusterMember): readonly ClusterMember[] {
  return view.replicas.get(member.nodeId) ?? [];
}

/** CLUSTER NODES for somebody who reached the node `selfId`, in slices. */
export function* nodesSlices(
  view: ClusterView,
  { protocol, selfId }: { readonly protocol: RespProtocol; readonly selfId: string },
  meter: SliceMeter,
): Slices<Buffer> {
  const { members, ownRanges, ownRangesAt, rangeStarts, rangeEnds } = view;
  const expectedBytes = members.length * NODE_BYTES + view.rangeCount * RANGE_BYTES;
  const lines = new RespWriter(protocol, expectedBytes);
  for (const [index, member] of members.entries()) {
    let line = nodeHead(view, member, selfId);
    const end = ownRangesAt[index + 1] ?? 0;
    for (let at = ownRangesAt[index] ?? 0; at < end; at++) {
      const range = ownRanges[at] ?? 0;
      const [first, last] = [rangeStarts[range] ?? 0, rangeEnds[range] ?? 0];
      line += first === last ? ` ${first}` : ` ${first}-${last}`;
      if (line.length > TEXT_CHARS) {
        lines.raw(Buffer.from(line));
        line = '';
      }
      if (meter.isFullAfter(RANGE_WEIGHT)) yield;
    }
    lines.raw(Buffer.from(`${line}\n`));
    if (meter.isFullAfter(NODE_WEIGHT)) yield;
  }
  const text = lines.take();
  return new RespWriter(protocol, text.length + HEAD_BYTES).verbatim('txt', text).take();
}

/** A line of CLUSTER NODES up to the slots; all of it for a replica. */
export function nodeHead(view: ClusterView, member: ClusterMember, selfId: string): string {
  const flags = `${member.nodeId === selfId ? 'myself,' : ''}${member.master === null ? 'master' : 'slave'}`;
  const address = `${member.host}:${member.port}@${member.port + BUS_PORT_OFFSET}`;
  const master = member.master?.nodeId ?? '-';
  return `${member.nodeId} ${address} ${flags} ${master} 0 0 ${view.epoch} connected`;
}

/** CLUSTER SLOTS, in slices. */
export function* slotsSlices(
  view: ClusterView,
  protocol: RespProtocol,
  meter: SliceMeter,
): Slices<Buffer> {
  const { members, rangeCount, rangeOwners, rangeStarts, rangeEnds } = view;
  // How many nodes an owner has, itself included, and where in the reply they stand already.
  const nodeCounts = new Uint16Array(members.length);
  const nodesAt = new Int32Array(members.length);
  const nodesEnd = new Int32Array(members.length);
  const writer = new RespWriter(protocol, rangeCount * (RANGE_BYTES + NODE_BYTES));
  writer.array(rangeCount);
  for (let range = 0; range < rangeCount; range++) {
    const owner = rangeOwners[range] ?? 0;
    const nodes = nodeCounts[owner] === 0 ? masterAndReplicas(view, owner) : null;
    if (nodes !== null) nodeCounts[owner] = nodes.length;
    writer
      .array(2 + (nodeCounts[owner] ?? 0))
      .integer(rangeStarts[range] ?? 0)
      .integer(rangeEnds[range] ?? 0);
    if (nodes === null) writer.again(nodesAt[owner] ?? 0, nodesEnd[owner] ?? 0);
    else {
      nodesAt[owner] = writer.length;
      for (const { host, port, nodeId } of nodes) {
        writer.array(4).bulk(host).integer(port).bulk(nodeId).map(0);
      }
      nodesEnd[owner] = writer.length;
      if (meter.isFullAfter(NODE_WEIGHT * nodes.length)) yield;
    }
    if (meter.isFullAfter(RANGE_WEIGHT)) yield;
  }
  return writer.take();
}

/** CLUSTER SHARDS, in the order of their first slots; in slices. */
export function* shardsSlices(
  view: ClusterView,
  protocol: RespProtocol,
  meter: SliceMeter,
): Slices<Buffer> {
  const { rangeCount, rangeOwners, rangeStarts, rangeEnds, ownRanges, ownRangesAt } = view;
  const shards = new Set<number>();
  for (let range = 0; range < rangeCount; range++) {
    shards.add(rangeOwners[range] ?? 0);
    if (meter.isFullAfter(OWNER_WEIGHT)) yield;
  }
  const expectedBytes = shards.size * SHARD_BYTES + rangeCount * RANGE_BYTES;
  const writer = new RespWriter(protocol, expectedBytes).array(shards.size);
  for (const shard of shards) {
    const [from, end] = [ownRangesAt[shard] ?? 0, ownRangesAt[shard + 1] ?? 0];
    writer
      .map(2)
      .bulk('slots')
      .array((end - from) * 2);
    for (let at = from; at < end; at++) {
      const range = ownRanges[at] ?? 0;
      writer.integer(rangeStarts[range] ?? 0).integer(rangeEnds[range] ?? 0);
      if (meter.isFullAfter(RANGE_WEIGHT)) yield;
    }
    const nodes = masterAndReplicas(view, shard);
    writer.bulk('nodes').array(nodes.length);
    for (const node of nodes) {
      writeShardNode(writer, node);
      if (meter.isFullAfter(NODE_WEIGHT)) yield;
    }
  }
  return writer.take();
}

function masterAndReplicas(view: ClusterView, owner: number): readonly ClusterMember[] {
  const master = view.members[owner];
  return master === undefined ? [] : [master, ...replicasOf(view, master)];
}

function writeShardNode(writer: RespWriter, node: ClusterMember): void {
  const { nodeId, host, port, master } = node;
  writer.map(7).bulk('id').bulk(nodeId).bulk('port').integer(port);
  writer.bulk('ip').bulk(host).bulk('endpoint').bulk(host);
  writer.bulk('role').bulk(master === null ? 'master' : 'replica');
  writer.bulk('replication-offset').integer(0).bulk('health').bulk('online');
}

/** CLUSTER INFO. The state is `ok` only while every slot has an owner. */
export function renderClusterInfo(
  source: Omit<ViewSource, 'idOf'>,
  protocol: RespProtocol,
): Buffer {
  const { table, self, links } = source;
  const owners = slotOwnersOf(table, self);
  const followers = links.filter((link) => isFollowing(link, owners));
  const known = new Set([self, ...followers.map(({ address }) => address)]);
  for (const { address } of table.peers) known.add(address);
  const { coveredCount } = owners;
  const fields: readonly (readonly [string, string | number])[] = [
    ['cluster_state', coveredCount === SLOT_COUNT ? 'ok' : 'fail'],
    ['cluster_slots_assigned', coveredCount],
    ['cluster_slots_ok', coveredCount],
    ['cluster_slots_pfail', 0],
    ['cluster_slots_fail', 0],
    ['cluster_known_nodes', known.size],
    ['cluster_size', owners.addresses.size],
    ['cluster_current_epoch', table.epoch],
    ['cluster_my_epoch', table.epoch],
    ['cluster_stats_messages_sent', 0],
    ['cluster_stats_messages_received', 0],
    ['total_cluster_links_buffer_limit_exceeded', 0],
  ];
  const text = fields.map(([name, value]) => `${name}:${value}\r\n`).join('');
  return new RespWriter(protocol).verbatim('txt', text).take();
}
