import {
  hostOf,
  portOf,
  type Epoch,
  type NodeAddress,
  type ReplEntry,
  type SliceMeter,
  type Slices,
} from '@undermoon/cluster-meta';
import { SLOT_COUNT, type SlotRange } from '@undermoon/slots';
import { peerIndexOf, SLOT_UNCOVERED, type RoutingTable } from './routing-table.ts';
import { sortedSlices } from './sorted-slices.ts';

/**
 * One proxy as clients see it: a master with all slots of the Redis servers behind it, or, if all of these are
 * replicas, a replica of the proxy that they follow.
 */
export interface ClusterMember {
  readonly host: string;
  readonly port: number;
  readonly nodeId: string;
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
  /** By the id of their master, in the order of `members`. */
  readonly replicas: ReadonlyMap<string, readonly ClusterMember[]>;
}

/** A proxy with a Redis server that follows one behind another proxy. */
export interface ReplicaLink {
  readonly replica: NodeAddress;
  readonly master: NodeAddress;
}

/** What a view is drawn from. */
export interface ViewSource {
  readonly table: RoutingTable;
  readonly self: NodeAddress;
  readonly links: readonly ReplicaLink[];
  /** The id of a proxy. */
  readonly idOf: (address: NodeAddress) => string;
}

/** Which proxies have slots. */
export interface SlotOwners {
  readonly addresses: ReadonlySet<NodeAddress>;
  /** Slots with an owner. */
  readonly coveredCount: number;
}

/** What a member costs (its id is a hash), in items of a slice. */
const MEMBER_WEIGHT = 8;
const SLOT_WEIGHT = 0.3;

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

/** The owners of all slots; one pass over the table, some ten microseconds. */
export function slotOwnersOf(table: RoutingTable, self: NodeAddress): SlotOwners {
  const { slots, peers } = table;
  const isOwner = new Uint8Array(peers.length);
  const addresses = new Set<NodeAddress>();
  let coveredCount = 0;
  let isSelfOwner = false;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const value = slots[slot] ?? SLOT_UNCOVERED;
    if (value === SLOT_UNCOVERED) continue;
    coveredCount += 1;
    if (value >= 0) isSelfOwner = true;
    else isOwner[peerIndexOf(value)] = 1;
  }
  if (isSelfOwner) addresses.add(self);
  for (const [index, { address }] of peers.entries()) {
    if (isOwner[index] === 1) addresses.add(address);
  }
  return { addresses, coveredCount };
}

/** By replica: the proxy it follows. Only proxies without slots follow, and only proxies with slots lead. */
export function mastersOf(
  links: readonly ReplicaLink[],
  owners: SlotOwners,
): ReadonlyMap<NodeAddress, NodeAddress> {
  const { addresses } = owners;
  return new Map(
    links
      .filter(({ replica, master }) => !addresses.has(replica) && addresses.has(master))
      .map(({ replica, master }) => [replica, master]),
  );
}

/**
 * Draws the view, in slices. This proxy is a member even without slots, and so is every peer in the metadata. A
 * proxy that only holds copies is shown as a replica: a client that knew the masters only would know one single
 * node of a chunk that was failed over, and nobody to ask when that one dies too.
 */
export function* clusterViewSlices(source: ViewSource, meter: SliceMeter): Slices<ClusterView> {
  const { table, self, links } = source;
  const rangesOf = new Map<NodeAddress, SlotRange[]>([[self, []]]);
  for (const peer of table.peers) {
    rangesOf.set(peer.address, []);
    if (meter.isFullAfter(1)) yield;
  }
  const owned = yield* ownedRanges(table, self, rangesOf, meter);
  const masters = mastersOf(links, slotOwnersOf(table, self));
  for (const replica of masters.keys()) rangesOf.set(replica, []);
  const members = new Map<NodeAddress, ClusterMember>();
  const replicas = new Map<string, ClusterMember[]>();
  for (const address of yield* sortedSlices([...rangesOf.keys()], byText, meter)) {
    const member = memberOf(source, address, masters.get(address), rangesOf.get(address) ?? []);
    members.set(address, member);
    if (member.master !== null) {
      const known = replicas.get(member.master.nodeId);
      if (known === undefined) replicas.set(member.master.nodeId, [member]);
      else known.push(member);
    }
    if (meter.isFullAfter(MEMBER_WEIGHT)) yield;
  }
  const ranges: { range: SlotRange; owner: ClusterMember }[] = [];
  for (const { range, address } of owned) {
    const owner = members.get(address);
    if (owner !== undefined) ranges.push({ range, owner });
    if (meter.isFullAfter(1)) yield;
  }
  return { epoch: table.epoch, members: [...members.values()], ranges, replicas };
}

interface OwnedRange {
  readonly range: SlotRange;
  readonly address: NodeAddress;
}

/** All ranges by slot, each also appended to those of its owner. */
function* ownedRanges(
  table: RoutingTable,
  self: NodeAddress,
  rangesOf: ReadonlyMap<NodeAddress, SlotRange[]>,
  meter: SliceMeter,
): Slices<readonly OwnedRange[]> {
  const owned: OwnedRange[] = [];
  let start = 0;
  let owner = ownerOf(table, 0, self);
  for (let slot = 1; slot <= SLOT_COUNT; slot++) {
    const address = slot === SLOT_COUNT ? null : ownerOf(table, slot, self);
    if (address === owner && slot < SLOT_COUNT) {
      if (meter.isFullAfter(SLOT_WEIGHT)) yield;
      continue;
    }
    if (owner !== null) {
      const range: SlotRange = [start, slot - 1];
      owned.push({ range, address: owner });
      rangesOf.get(owner)?.push(range);
    }
    start = slot;
    owner = address;
    if (meter.isFullAfter(1)) yield;
  }
  return owned;
}

function memberOf(
  { self, idOf }: ViewSource,
  address: NodeAddress,
  master: NodeAddress | undefined,
  ranges: readonly SlotRange[],
): ClusterMember {
  return {
    host: hostOf(address),
    port: portOf(address),
    nodeId: idOf(address),
    isSelf: address === self,
    master: master === undefined ? null : { nodeId: idOf(master) },
    ranges,
  };
}

function ownerOf(table: RoutingTable, slot: number, self: NodeAddress): NodeAddress | null {
  const value = table.slots[slot] ?? SLOT_UNCOVERED;
  if (value >= 0) return self;
  return value === SLOT_UNCOVERED ? null : (table.peers[peerIndexOf(value)]?.address ?? null);
}

function byText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
