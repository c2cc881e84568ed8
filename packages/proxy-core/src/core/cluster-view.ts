import {
  hostOf,
  portOf,
  type Epoch,
  type ListedReplica,
  type NodeAddress,
  type ReplEntry,
  type SliceMeter,
  type Slices,
} from '@undermoon/cluster-meta';
import { SLOT_COUNT, type SlotRange } from '@undermoon/slots';
import { peerIndexOf, SLOT_UNCOVERED, type RoutingTable } from './routing-table.ts';
import { inParts } from './slice-parts.ts';
import { sortedSlices } from './sorted-slices.ts';

/**
 * An address as clients see it: a master with all slots of the Redis servers behind that proxy, or a replica of the
 * proxy that the servers behind this one follow.
 */
export interface ClusterMember {
  readonly host: string;
  readonly port: number;
  readonly nodeId: string;
  /** Null: a master. */
  readonly master: { readonly nodeId: string } | null;
}

/**
 * What the CLUSTER replies say, drawn from one routing table. Slot ranges are numbered by slot and kept in
 * arrays of numbers: there may be thousands, and as objects they would keep the garbage collector busy.
 */
export interface ClusterView {
  readonly epoch: Epoch;
  /** By address, so every proxy lists them in one order. */
  readonly members: readonly ClusterMember[];
  readonly rangeCount: number;
  /** By range: its first slot, its last slot, and the index of its owner. */
  readonly rangeStarts: Uint16Array;
  readonly rangeEnds: Uint16Array;
  readonly rangeOwners: Uint16Array;
  /** Numbers of ranges, those of one member together; those of member i begin at `ownRangesAt[i]`. */
  readonly ownRanges: Uint16Array;
  readonly ownRangesAt: Uint32Array;
  /** By the id of their master, in the order of `members`. */
  readonly replicas: ReadonlyMap<string, readonly ClusterMember[]>;
}

/** What a view is drawn from. */
export interface ViewSource {
  readonly table: RoutingTable;
  readonly self: NodeAddress;
  /** Who follows whom, as far as it is known. */
  readonly links: readonly ListedReplica[];
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
const SLOT_WEIGHT = 0.1;

/** What the wanted roles of the servers beside this proxy say about who follows whom. */
export function replicaLinksOf(
  entries: readonly ReplEntry[],
  self: NodeAddress,
): readonly ListedReplica[] {
  return entries.flatMap(({ role, peers }) =>
    peers.map(({ proxyAddress }) =>
      role === 'master'
        ? { address: proxyAddress, master: self }
        : { address: self, master: proxyAddress },
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

/** Whether a replica is one for clients. Only addresses without slots follow, and only proxies with slots lead. */
export function isFollowing(
  { address, master }: ListedReplica,
  { addresses }: Pick<SlotOwners, 'addresses'>,
): boolean {
  return !addresses.has(address) && addresses.has(master);
}

/** By replica: the proxy it follows. */
function* mastersOf(
  { links }: ViewSource,
  owners: Pick<SlotOwners, 'addresses'>,
  meter: SliceMeter,
): Slices<ReadonlyMap<NodeAddress, NodeAddress>> {
  const masters = new Map<NodeAddress, NodeAddress>();
  for (const link of links) {
    if (isFollowing(link, owners)) masters.set(link.address, link.master);
    if (meter.isFullAfter(1)) yield;
  }
  return masters;
}

/**
 * Draws the view, in slices. This proxy is a member even without slots, and so is every peer in the metadata. A
 * proxy that only holds copies is shown as a replica: a client that knew the masters only would know one single
 * node of a chunk that was failed over, and nobody to ask when that one dies too.
 */
export function* clusterViewSlices(source: ViewSource, meter: SliceMeter): Slices<ClusterView> {
  const { table, self } = source;
  const runs = yield* slotRuns(table, meter);
  const masters = yield* mastersOf(source, yield* ownersOf(runs, source, meter), meter);
  const candidates = yield* candidatesOf(table, self, masters, meter);
  const indexOf = new Uint16Array(table.peers.length + 1);
  const members: ClusterMember[] = [];
  const replicas = new Map<string, ClusterMember[]>();
  for (const { address, ownerKey } of candidates) {
    const member = memberOf(source, address, masters.get(address));
    if (ownerKey >= 0) indexOf[ownerKey] = members.length;
    members.push(member);
    if (member.master !== null) {
      const known = replicas.get(member.master.nodeId);
      if (known === undefined) replicas.set(member.master.nodeId, [member]);
      else known.push(member);
    }
    if (meter.isFullAfter(MEMBER_WEIGHT)) yield;
  }
  const rangeOwners = new Uint16Array(SLOT_COUNT);
  const part = (from: number, to: number): void => {
    for (let range = from; range < to; range++) {
      rangeOwners[range] = indexOf[runs.ownerKeys[range] ?? 0] ?? 0;
    }
  };
  yield* inParts(runs.count, { weightEach: SLOT_WEIGHT, part }, meter);
  const owners = rangeOwners.subarray(0, runs.count);
  return {
    epoch: table.epoch,
    members,
    rangeCount: runs.count,
    rangeStarts: runs.starts,
    rangeEnds: runs.ends,
    rangeOwners,
    ...(yield* groupRanges(owners, members.length, meter)),
    replicas,
  };
}

/** The slot ranges of a member; `index` is its place in `members`. */
export function rangesOf(view: ClusterView, index: number): SlotRange[] {
  const { ownRanges, ownRangesAt, rangeStarts, rangeEnds } = view;
  const own = ownRanges.subarray(ownRangesAt[index] ?? 0, ownRangesAt[index + 1] ?? 0);
  return Array.from(own, (range) => [rangeStarts[range] ?? 0, rangeEnds[range] ?? 0]);
}

/** Who owns a slot: 0 is this proxy, 1 + i is peer i. */
const SELF_KEY = 0;
const NOBODY = -1;

/** The ranges of slots with one owner, by slot. */
class SlotRuns {
  count = 0;
  readonly starts: Uint16Array = new Uint16Array(SLOT_COUNT);
  readonly ends: Uint16Array = new Uint16Array(SLOT_COUNT);
  readonly ownerKeys: Uint16Array = new Uint16Array(SLOT_COUNT);
  #lastKey = NOBODY;

  /** Goes on with the slots `[from, to)`. */
  take(slots: Int16Array, from: number, to: number): void {
    const { starts, ends, ownerKeys } = this;
    let count = this.count;
    let lastKey = this.#lastKey;
    for (let slot = from; slot < to; slot++) {
      const key = ownerKeyOf(slots[slot] ?? SLOT_UNCOVERED);
      if (key !== NOBODY && key === lastKey) ends[count - 1] = slot;
      else if (key !== NOBODY) {
        starts[count] = slot;
        ends[count] = slot;
        ownerKeys[count] = key;
        count += 1;
      }
      lastKey = key;
    }
    this.count = count;
    this.#lastKey = lastKey;
  }
}

function* slotRuns({ slots }: RoutingTable, meter: SliceMeter): Slices<SlotRuns> {
  const runs = new SlotRuns();
  const part = (from: number, to: number): void => runs.take(slots, from, to);
  yield* inParts(SLOT_COUNT, { weightEach: SLOT_WEIGHT, part }, meter);
  return runs;
}

/** The proxies with slots. */
function* ownersOf(
  { count, ownerKeys }: SlotRuns,
  { table, self }: ViewSource,
  meter: SliceMeter,
): Slices<Pick<SlotOwners, 'addresses'>> {
  const isOwner = new Uint8Array(table.peers.length + 1);
  const part = (from: number, to: number): void => {
    for (let range = from; range < to; range++) isOwner[ownerKeys[range] ?? 0] = 1;
  };
  yield* inParts(count, { weightEach: SLOT_WEIGHT, part }, meter);
  const addresses = new Set<NodeAddress>(isOwner[SELF_KEY] === 1 ? [self] : []);
  for (const [index, { address }] of table.peers.entries()) {
    if (isOwner[index + 1] === 1) addresses.add(address);
    if (meter.isFullAfter(1)) yield;
  }
  return { addresses };
}

function ownerKeyOf(slotValue: number): number {
  if (slotValue >= 0) return SELF_KEY;
  return slotValue === SLOT_UNCOVERED ? NOBODY : peerIndexOf(slotValue) + 1;
}

interface Candidate {
  readonly address: NodeAddress;
  /** -1: a proxy that is known as a replica only. */
  readonly ownerKey: number;
}

/** All that become members, by address. */
function* candidatesOf(
  { peers }: RoutingTable,
  self: NodeAddress,
  masters: ReadonlyMap<NodeAddress, NodeAddress>,
  meter: SliceMeter,
): Slices<readonly Candidate[]> {
  const candidates = new Map<NodeAddress, Candidate>();
  for (const address of masters.keys()) {
    candidates.set(address, { address, ownerKey: NOBODY });
    if (meter.isFullAfter(1)) yield;
  }
  for (const [index, { address }] of peers.entries()) {
    candidates.set(address, { address, ownerKey: index + 1 });
    if (meter.isFullAfter(1)) yield;
  }
  candidates.set(self, { address: self, ownerKey: SELF_KEY });
  return yield* sortedSlices([...candidates.values()], byAddress, meter);
}

/** Sorts the numbers of ranges by their owner, by counting. */
function* groupRanges(
  owners: Uint16Array,
  memberCount: number,
  meter: SliceMeter,
): Slices<Pick<ClusterView, 'ownRanges' | 'ownRangesAt'>> {
  const ownRangesAt = new Uint32Array(memberCount + 1);
  const count = (from: number, to: number): void => {
    for (let range = from; range < to; range++) {
      const next = (owners[range] ?? 0) + 1;
      ownRangesAt[next] = (ownRangesAt[next] ?? 0) + 1;
    }
  };
  yield* inParts(owners.length, { weightEach: SLOT_WEIGHT, part: count }, meter);
  for (let i = 0; i < memberCount; i++) {
    ownRangesAt[i + 1] = (ownRangesAt[i + 1] ?? 0) + (ownRangesAt[i] ?? 0);
  }
  const next = ownRangesAt.slice();
  const ownRanges = new Uint16Array(owners.length);
  const place = (from: number, to: number): void => {
    for (let range = from; range < to; range++) {
      const owner = owners[range] ?? 0;
      const at = next[owner] ?? 0;
      ownRanges[at] = range;
      next[owner] = at + 1;
    }
  };
  yield* inParts(owners.length, { weightEach: SLOT_WEIGHT, part: place }, meter);
  return { ownRanges, ownRangesAt };
}

function memberOf(
  { idOf }: ViewSource,
  address: NodeAddress,
  master: NodeAddress | undefined,
): ClusterMember {
  return {
    host: hostOf(address),
    port: portOf(address),
    nodeId: idOf(address),
    master: master === undefined ? null : { nodeId: idOf(master) },
  };
}

function byAddress(left: Candidate, right: Candidate): number {
  return left.address < right.address ? -1 : left.address > right.address ? 1 : 0;
}
