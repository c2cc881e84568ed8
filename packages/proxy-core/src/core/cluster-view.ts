import type { Buffer } from 'node:buffer';
import {
  hostOf,
  portOf,
  type Epoch,
  type NodeAddress,
  type ReplEntry,
} from '@undermoon/cluster-meta';
import { RespWriter } from '@undermoon/resp';
import { SLOT_COUNT, type SlotRange } from '@undermoon/slots';
import { nodeIdOf, shardIdOf, type Sha1Hex } from './node-id.ts';
import { peerIndexOf, SLOT_UNCOVERED, type RoutingTable } from './routing-table.ts';

/** Redis' distance from a node's port to its cluster bus port. Nothing listens there. */
const BUS_PORT_OFFSET = 10_000;

/**
 * One proxy as clients see it: a master with all slots of the Redis servers behind it, or, if all of these are
 * replicas, a replica of the proxy that they follow.
 */
export interface ClusterMember {
  readonly host: string;
  readonly port: number;
  readonly nodeId: string;
  readonly shardId: string;
  readonly isSelf: boolean;
  /** Null: a master. */
  readonly master: { readonly nodeId: string } | null;
  /** Sorted and merged. */
  readonly ranges: readonly SlotRange[];
}

/** What the CLUSTER replies say, drawn from one routing table. */
export interface ClusterView {
  readonly epoch: Epoch;
  /** By address, so every proxy lists them in one order. */
  readonly members: readonly ClusterMember[];
  /** By slot. */
  readonly ranges: readonly { readonly range: SlotRange; readonly owner: ClusterMember }[];
  readonly coveredCount: number;
}

/** A proxy with a Redis server that follows one behind another proxy. */
export interface ReplicaLink {
  readonly replica: NodeAddress;
  readonly master: NodeAddress;
}

/** Which bytes a reply is written in. */
export type RespProtocol = 2 | 3;

/** What the wanted roles of the servers beside this proxy say about who follows whom. */
export function replicaLinksOf(
  entries: readonly ReplEntry[],
  self: NodeAddress,
): readonly ReplicaLink[] {
  return entries.flatMap(({ role, peers }) =>
    peers.map(({ proxyAddress }) =>
      role === 'master'
        ? { replica: proxyAddress, master: self }
        : { replica: self, master: proxyAddress },
    ),
  );
}

/**
 * Draws the view. This proxy is a member even without slots, and so is every peer in the metadata. A proxy that
 * only holds copies is shown as a replica: a client that knew the masters only would know one single node of a
 * chunk that was failed over, and nobody to ask when that one dies too.
 */
export function buildClusterView(
  table: RoutingTable,
  self: NodeAddress,
  sha1Hex: Sha1Hex,
  links: readonly ReplicaLink[] = [],
): ClusterView {
  const rangesOf = new Map<NodeAddress, [number, number][]>([[self, []]]);
  for (const peer of table.peers) rangesOf.set(peer.address, []);
  const owned: { range: [number, number]; address: NodeAddress }[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const address = ownerOf(table, slot, self);
    if (address === null) continue;
    const last = owned.at(-1);
    if (last !== undefined && last.address === address && last.range[1] === slot - 1) {
      last.range[1] = slot;
      continue;
    }
    const range: [number, number] = [slot, slot];
    owned.push({ range, address });
    rangesOf.get(address)?.push(range);
  }
  const masters = mastersOf(links, rangesOf);
  for (const replica of masters.keys()) rangesOf.set(replica, []);
  const members = new Map<NodeAddress, ClusterMember>();
  for (const address of [...rangesOf.keys()].toSorted()) {
    const master = masters.get(address);
    members.set(address, {
      host: hostOf(address),
      port: portOf(address),
      nodeId: nodeIdOf(address, sha1Hex),
      shardId: shardIdOf(master ?? address, sha1Hex),
      isSelf: address === self,
      master: master === undefined ? null : { nodeId: nodeIdOf(master, sha1Hex) },
      ranges: rangesOf.get(address) ?? [],
    });
  }
  return {
    epoch: table.epoch,
    members: [...members.values()],
    ranges: owned.flatMap(({ range, address }) => {
      const owner = members.get(address);
      return owner === undefined ? [] : [{ range, owner }];
    }),
    coveredCount: owned.reduce((sum, { range }) => sum + range[1] - range[0] + 1, 0),
  };
}

/** By replica: the proxy it follows. Only proxies without slots follow, and only proxies with slots lead. */
function mastersOf(
  links: readonly ReplicaLink[],
  rangesOf: ReadonlyMap<NodeAddress, readonly SlotRange[]>,
): ReadonlyMap<NodeAddress, NodeAddress> {
  const hasSlots = (address: NodeAddress): boolean => (rangesOf.get(address)?.length ?? 0) > 0;
  return new Map(
    links
      .filter(({ replica, master }) => !hasSlots(replica) && hasSlots(master))
      .map(({ replica, master }) => [replica, master]),
  );
}

/** The members that are replicas of this one. */
export function replicasOf(view: ClusterView, member: ClusterMember): readonly ClusterMember[] {
  return view.members.filter(({ master }) => master?.nodeId === member.nodeId);
}

function ownerOf(table: RoutingTable, slot: number, self: NodeAddress): NodeAddress | null {
  const value = table.slots[slot] ?? SLOT_UNCOVERED;
  if (value >= 0) return self;
  return value === SLOT_UNCOVERED ? null : (table.peers[peerIndexOf(value)]?.address ?? null);
}

/** CLUSTER NODES. */
export function renderNodes(view: ClusterView, protocol: RespProtocol): Buffer {
  const text = view.members.map((member) => `${nodeLine(view, member)}\n`).join('');
  return new RespWriter(protocol).verbatim('txt', text).take();
}

/** One line of CLUSTER NODES and CLUSTER REPLICAS. */
export function nodeLine(view: ClusterView, member: ClusterMember): string {
  const flags = `${member.isSelf ? 'myself,' : ''}${member.master === null ? 'master' : 'slave'}`;
  const address = `${member.host}:${member.port}@${member.port + BUS_PORT_OFFSET}`;
  const master = member.master?.nodeId ?? '-';
  const ranges = member.ranges.map(([start, end]) =>
    start === end ? ` ${start}` : ` ${start}-${end}`,
  );
  const head = `${member.nodeId} ${address} ${flags} ${master}`;
  return `${head} 0 0 ${view.epoch} connected${ranges.join('')}`;
}

/** CLUSTER SLOTS. */
export function renderSlots(view: ClusterView, protocol: RespProtocol): Buffer {
  const writer = new RespWriter(protocol).array(view.ranges.length);
  for (const { range, owner } of view.ranges) {
    const nodes = [owner, ...replicasOf(view, owner)];
    writer
      .array(2 + nodes.length)
      .integer(range[0])
      .integer(range[1]);
    for (const { host, port, nodeId } of nodes) {
      writer.array(4).bulk(host).integer(port).bulk(nodeId).map(0);
    }
  }
  return writer.take();
}

/** CLUSTER SHARDS, in the order of their first slots. */
export function renderShards(view: ClusterView, protocol: RespProtocol): Buffer {
  const shards = [...new Set(view.ranges.map(({ owner }) => owner))];
  const writer = new RespWriter(protocol).array(shards.length);
  for (const shard of shards) {
    writer
      .map(2)
      .bulk('slots')
      .array(shard.ranges.length * 2);
    for (const [start, end] of shard.ranges) writer.integer(start).integer(end);
    const nodes = [shard, ...replicasOf(view, shard)];
    writer.bulk('nodes').array(nodes.length);
    for (const { nodeId, host, port, master } of nodes) {
      writer.map(7).bulk('id').bulk(nodeId).bulk('port').integer(port);
      writer.bulk('ip').bulk(host).bulk('endpoint').bulk(host);
      writer.bulk('role').bulk(master === null ? 'master' : 'replica');
      writer.bulk('replication-offset').integer(0).bulk('health').bulk('online');
    }
  }
  return writer.take();
}

/** CLUSTER INFO. The state is `ok` only while every slot has an owner. */
export function renderClusterInfo(view: ClusterView, protocol: RespProtocol): Buffer {
  const size = view.members.filter((member) => member.ranges.length > 0).length;
  const fields: readonly (readonly [string, string | number])[] = [
    ['cluster_state', view.coveredCount === SLOT_COUNT ? 'ok' : 'fail'],
    ['cluster_slots_assigned', view.coveredCount],
    ['cluster_slots_ok', view.coveredCount],
    ['cluster_slots_pfail', 0],
    ['cluster_slots_fail', 0],
    ['cluster_known_nodes', view.members.length],
    ['cluster_size', size],
    ['cluster_current_epoch', view.epoch],
    ['cluster_my_epoch', view.epoch],
    ['cluster_stats_messages_sent', 0],
    ['cluster_stats_messages_received', 0],
    ['total_cluster_links_buffer_limit_exceeded', 0],
  ];
  const text = fields.map(([name, value]) => `${name}:${value}\r\n`).join('');
  return new RespWriter(protocol).verbatim('txt', text).take();
}
