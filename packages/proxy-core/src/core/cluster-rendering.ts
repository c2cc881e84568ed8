import { Buffer } from 'node:buffer';
import type { SliceMeter, Slices } from '@undermoon/cluster-meta';
import { RespWriter } from '@undermoon/resp';
import { SLOT_COUNT, type SlotRange } from '@undermoon/slots';
import {
  mastersOf,
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
/** Ranges whose text is made in one go. */
const TEXT_RANGES = 256;
const LINE_END = Buffer.from('\n');

/** The members that are replicas of this one. */
export function replicasOf(view: ClusterView, member: ClusterMember): readonly ClusterMember[] {
  return view.replicas.get(member.nodeId) ?? [];
}

/** CLUSTER NODES, in slices. */
export function* nodesSlices(
  view: ClusterView,
  protocol: RespProtocol,
  meter: SliceMeter,
): Slices<Buffer> {
  const text = new RespWriter(protocol);
  for (const member of view.members) {
    text.raw(Buffer.from(nodeHead(view, member)));
    const { ranges } = member;
    for (let at = 0; at < ranges.length; at += TEXT_RANGES) {
      const part = ranges.slice(at, at + TEXT_RANGES);
      text.raw(Buffer.from(rangesText(part)));
      if (meter.isFullAfter(part.length * RANGE_WEIGHT)) yield;
    }
    text.raw(LINE_END);
    if (meter.isFullAfter(NODE_WEIGHT)) yield;
  }
  return new RespWriter(protocol).verbatim('txt', text.take()).take();
}

/** A line of CLUSTER NODES up to the slots; all of it for a replica. */
export function nodeHead(view: ClusterView, member: ClusterMember): string {
  const flags = `${member.isSelf ? 'myself,' : ''}${member.master === null ? 'master' : 'slave'}`;
  const address = `${member.host}:${member.port}@${member.port + BUS_PORT_OFFSET}`;
  const master = member.master?.nodeId ?? '-';
  return `${member.nodeId} ${address} ${flags} ${master} 0 0 ${view.epoch} connected`;
}

function rangesText(ranges: readonly SlotRange[]): string {
  let text = '';
  for (const [start, end] of ranges) text += start === end ? ` ${start}` : ` ${start}-${end}`;
  return text;
}

/** CLUSTER SLOTS, in slices. */
export function* slotsSlices(
  view: ClusterView,
  protocol: RespProtocol,
  meter: SliceMeter,
): Slices<Buffer> {
  // The nodes of a range are written once for each owner.
  const nodesOf = new Map<ClusterMember, { readonly count: number; readonly bytes: Buffer }>();
  const writer = new RespWriter(protocol).array(view.ranges.length);
  for (const { range, owner } of view.ranges) {
    let nodes = nodesOf.get(owner);
    if (nodes === undefined) {
      const list = [owner, ...replicasOf(view, owner)];
      const bytes = new RespWriter(protocol);
      for (const { host, port, nodeId } of list) {
        bytes.array(4).bulk(host).integer(port).bulk(nodeId).map(0);
      }
      nodes = { count: list.length, bytes: bytes.take() };
      nodesOf.set(owner, nodes);
      if (meter.isFullAfter(NODE_WEIGHT * list.length)) yield;
    }
    writer
      .array(2 + nodes.count)
      .integer(range[0])
      .integer(range[1])
      .raw(nodes.bytes);
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
  const shards = new Set<ClusterMember>();
  for (const { owner } of view.ranges) {
    shards.add(owner);
    if (meter.isFullAfter(0.2)) yield;
  }
  const writer = new RespWriter(protocol).array(shards.size);
  for (const shard of shards) {
    writer
      .map(2)
      .bulk('slots')
      .array(shard.ranges.length * 2);
    for (const [start, end] of shard.ranges) {
      writer.integer(start).integer(end);
      if (meter.isFullAfter(RANGE_WEIGHT)) yield;
    }
    const nodes = [shard, ...replicasOf(view, shard)];
    writer.bulk('nodes').array(nodes.length);
    for (const node of nodes) {
      writeShardNode(writer, node);
      if (meter.isFullAfter(NODE_WEIGHT)) yield;
    }
  }
  return writer.take();
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
  const known = new Set([self, ...mastersOf(links, owners).keys()]);
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
