import { Buffer } from 'node:buffer';
import {
  DEFAULT_CLUSTER_CONFIG,
  EPOCH_ZERO,
  finishSlices,
  hostOf,
  packSetCluster,
  portOf,
  SliceMeter,
  type ClusterConfig,
  type ClusterName,
  type Epoch,
  type ListedReplica,
  type MigrationMeta,
  type NodeAddress,
  type PackedSetCluster,
  type PackedSlots,
  type SetCluster,
  type Slices,
} from '@undermoon/cluster-meta';
import { SLOT_COUNT } from '@undermoon/slots';
import { sortedSlices } from './sorted-slices.ts';

/** The value of `RoutingTable.slots` for a slot that nobody owns. */
export const SLOT_UNCOVERED = -1;

/** A value that no table has: commands for the slot wait. Loops put it into their copy of `slots`. */
export const SLOT_HELD = -32_768;

/** Another proxy that owns slots. */
export interface PeerTarget {
  readonly address: NodeAddress;
  /** The end of a redirection to it, after "-MOVED <slot>": the bytes " host:port\r\n". */
  readonly movedSuffix: Uint8Array;
}

/** Which slots of other proxies have a copy beside this proxy. */
export interface ReplicaSlots {
  /** The servers with copies. */
  readonly nodes: readonly NodeAddress[];
  /** Per slot: an index into `nodes`, or -1. */
  readonly slots: Int16Array;
}

/** Who serves which slot, as one immutable snapshot: built from metadata, swapped whole, never edited. */
export interface RoutingTable {
  readonly epoch: Epoch;
  /** Null: the proxy is in no cluster. */
  readonly clusterName: ClusterName | null;
  /** Per slot: an index into `localNodes`, `SLOT_UNCOVERED`, or -2 - (index into `peers`). */
  readonly slots: Int16Array;
  readonly localNodes: readonly NodeAddress[];
  /** Where the other proxies begin among `localNodes`: see `plainTableOf`. */
  readonly peerStart: number;
  readonly peers: readonly PeerTarget[];
  readonly config: ClusterConfig;
  /** Addresses to list as replicas; null: the metadata does not tell. */
  readonly listed: readonly ListedReplica[] | null;
  /** For reads of clients that asked for copies; null: there are none. */
  readonly replicas: ReplicaSlots | null;
  /** What the table was built from; null before the first metadata. */
  readonly meta: PackedSetCluster | null;
}

/** The table of a proxy that has no metadata yet. */
export const EMPTY_TABLE: RoutingTable = {
  epoch: EPOCH_ZERO,
  clusterName: null,
  slots: new Int16Array(SLOT_COUNT).fill(SLOT_UNCOVERED),
  localNodes: [],
  peerStart: 0,
  peers: [],
  config: DEFAULT_CLUSTER_CONFIG,
  listed: null,
  replicas: null,
  meta: null,
};

/**
 * The same with the other proxies behind the local nodes, as servers of their slots: for clients that are not
 * redirected.
 */
export function plainTableOf(table: RoutingTable): RoutingTable {
  const peerStart = table.localNodes.length;
  const slots = table.slots.map((value) =>
    value < SLOT_UNCOVERED ? peerStart + peerIndexOf(value) : value,
  );
  const peers = table.peers.map(({ address }) => address);
  return { ...table, slots, localNodes: [...table.localNodes, ...peers], peers: [] };
}

/** The other proxies of a table, or of its plain form. */
export function peerAddressesOf(table: RoutingTable): readonly NodeAddress[] {
  const { localNodes, peerStart, peers } = table;
  return peers.length === 0 ? localNodes.slice(peerStart) : peers.map(({ address }) => address);
}

/** The index into `peers` that a value of `slots` below `SLOT_UNCOVERED` stands for. */
export function peerIndexOf(slotValue: number): number {
  return -2 - slotValue;
}

/**
 * Builds the table. A slot goes to the first of these that claims it: a local node (untagged, or the
 * source of a migration), a peer (likewise), and, for slots that are only claimed by the destination of
 * a migration, that migration's source: it serves them until the migration is committed. Among equal
 * claims the lowest address wins, so the order of the metadata does not matter. Without a cluster name
 * nothing is routed. `self`, this proxy's address, is never a redirection's target.
 */
export function buildRoutingTable(meta: SetCluster, self: NodeAddress | null = null): RoutingTable {
  return finishSlices(routingTableSlices(packSetCluster(meta), self, new SliceMeter()));
}

/** `buildRoutingTable` in slices. */
export function* routingTableSlices(
  meta: PackedSetCluster,
  self: NodeAddress | null,
  meter: SliceMeter,
): Slices<RoutingTable> {
  const isMember = meta.clusterName !== null;
  const local = isMember ? yield* itemsByAddress(meta.local, null, meter) : [];
  const remote = isMember ? yield* itemsByAddress(meta.peers, self, meter) : [];
  const targets = yield* targetsOf(meta, { local, remote }, meter);
  const slots = new Int16Array(SLOT_COUNT).fill(SLOT_UNCOVERED);
  const claims = { slots, targets, self };
  for (const item of local) {
    const value = targets.local.get(meta.local.addressOf(item)) ?? SLOT_UNCOVERED;
    yield* claimServed(slots, { list: meta.local, item, value }, meter);
  }
  for (const item of remote) {
    const value = targets.peers.slotValueOf(meta.peers.addressOf(item));
    yield* claimServed(slots, { list: meta.peers, item, value }, meter);
  }
  for (const item of local) yield* claimImported(claims, meta.local, item, meter);
  for (const item of remote) yield* claimImported(claims, meta.peers, item, meter);
  return {
    epoch: meta.epoch,
    clusterName: meta.clusterName,
    slots,
    localNodes: [...targets.local.keys()],
    peerStart: targets.local.size,
    peers: targets.peers.targets,
    config: meta.config,
    listed: isMember ? meta.replicas : null,
    replicas: null,
    meta,
  };
}

/** Who may be claimed for: by address, the value of `slots` that stands for it. */
interface Targets {
  readonly local: ReadonlyMap<NodeAddress, number>;
  readonly peers: PeerList;
}

/** What a node and a list of slots cost beside the slots, in items of a slice. */
const NODE_WEIGHT = 3;
/** Slots that are looked at in the time of one item of a slice. */
const SLOTS_PER_ITEM = 64;
const LIST_WEIGHT = 0.2;
/** Slots after which a plain loop ends. */
const SLOTS_AT_ONCE = 512;

/** The numbers of the items, but for those of `except`, sorted by address. */
function* itemsByAddress(
  list: PackedSlots,
  except: NodeAddress | null,
  meter: SliceMeter,
): Slices<readonly number[]> {
  const items: number[] = [];
  for (let item = 0; item < list.length; item++) {
    if (list.addressOf(item) !== except) items.push(item);
    if (meter.isFullAfter(LIST_WEIGHT)) yield;
  }
  const byAddress = (left: number, right: number): number => {
    const [a, b] = [list.addressOf(left), list.addressOf(right)];
    return a < b ? -1 : a > b ? 1 : 0;
  };
  return yield* sortedSlices(items, byAddress, meter);
}

function* targetsOf(
  meta: PackedSetCluster,
  { local, remote }: { readonly local: readonly number[]; readonly remote: readonly number[] },
  meter: SliceMeter,
): Slices<Targets> {
  const indexOf = new Map<NodeAddress, number>();
  for (const item of local) {
    const address = meta.local.addressOf(item);
    if (!indexOf.has(address)) indexOf.set(address, indexOf.size);
    if (meter.isFullAfter(1)) yield;
  }
  const peers = new PeerList();
  for (const item of remote) {
    peers.slotValueOf(meta.peers.addressOf(item));
    if (meter.isFullAfter(NODE_WEIGHT)) yield;
  }
  return { local: indexOf, peers };
}

/** The proxies of a table, in the order of their index. */
class PeerList {
  readonly targets: PeerTarget[] = [];
  readonly #indexOf = new Map<NodeAddress, number>();

  slotValueOf(address: NodeAddress): number {
    let index = this.#indexOf.get(address);
    if (index === undefined) {
      index = this.targets.length;
      this.#indexOf.set(address, index);
      this.targets.push(peerTargetOf(address));
    }
    return -2 - index;
  }
}

/** A proxy that owns slots. */
export function peerTargetOf(address: NodeAddress): PeerTarget {
  return new Peer(address);
}

class Peer implements PeerTarget {
  readonly address: NodeAddress;
  /** Made for the first redirection: most of a thousand proxies never have one here. */
  #movedSuffix: Uint8Array | null = null;

  constructor(address: NodeAddress) {
    this.address = address;
  }

  get movedSuffix(): Uint8Array {
    this.#movedSuffix ??= movedSuffixOf(this.address);
    return this.#movedSuffix;
  }
}

/** Redis writes an IPv6 host without brackets here; clients cut at the last colon. */
function movedSuffixOf(address: NodeAddress): Uint8Array {
  return Buffer.from(` ${hostOf(address)}:${portOf(address)}\r\n`);
}

/** An item, and the value of `slots` that its address has. */
interface Claimant {
  readonly list: PackedSlots;
  readonly item: number;
  readonly value: number;
}

function* claimServed(slots: Int16Array, claimant: Claimant, meter: SliceMeter): Slices<void> {
  if (claimant.list.tagOf(claimant.item).kind !== 'importing') {
    yield* claim(slots, claimant, meter);
  }
  if (meter.isFullAfter(LIST_WEIGHT)) yield;
}

/** Takes those of the item's slots that nobody has. */
function* claim(
  slots: Int16Array,
  { list, item, value }: Claimant,
  meter: SliceMeter,
): Slices<void> {
  const rangesEnd = list.rangesEndOf(item);
  for (let range = list.rangesStartOf(item); range < rangesEnd;) {
    let slotCount = 0;
    const from = range;
    for (; range < rangesEnd && slotCount < SLOTS_AT_ONCE; range++) {
      slotCount += fill(slots, list.startOf(range), list.endOf(range), value);
    }
    const weight = (range - from) * LIST_WEIGHT + slotCount / SLOTS_PER_ITEM;
    if (meter.isFullAfter(weight)) yield;
  }
}

/** Returns how many slots it looked at. */
function fill(slots: Int16Array, start: number, end: number, value: number): number {
  for (let slot = start; slot <= end; slot++) {
    if (slots[slot] === SLOT_UNCOVERED) slots[slot] = value;
  }
  return end - start + 1;
}

/** What `claimImported` works on. */
interface Claims {
  readonly slots: Int16Array;
  readonly targets: Targets;
  readonly self: NodeAddress | null;
}

/** Gives slots that nobody serves to the source of the migration that brings them. */
function* claimImported(
  claims: Claims,
  list: PackedSlots,
  item: number,
  meter: SliceMeter,
): Slices<void> {
  const tag = list.tagOf(item);
  const value = tag.kind === 'importing' ? sourceOf(claims, tag.meta, list, item) : SLOT_UNCOVERED;
  if (value !== SLOT_UNCOVERED) yield* claim(claims.slots, { list, item, value }, meter);
  if (meter.isFullAfter(LIST_WEIGHT)) yield;
}

/** The value of `slots` for the source of a migration, if any of the slots are left for it. */
function sourceOf(
  { slots, targets, self }: Claims,
  meta: MigrationMeta,
  list: PackedSlots,
  item: number,
): number {
  const index = targets.local.get(meta.srcNodeAddress);
  if (index !== undefined) return index;
  // A source without any slot to serve is no peer.
  const isPeer = meta.srcProxyAddress !== self && isAnyUncovered(slots, list, item);
  return isPeer ? targets.peers.slotValueOf(meta.srcProxyAddress) : SLOT_UNCOVERED;
}

function isAnyUncovered(slots: Int16Array, list: PackedSlots, item: number): boolean {
  const rangesEnd = list.rangesEndOf(item);
  for (let range = list.rangesStartOf(item); range < rangesEnd; range++) {
    const end = list.endOf(range);
    for (let slot = list.startOf(range); slot <= end; slot++) {
      if (slots[slot] === SLOT_UNCOVERED) return true;
    }
  }
  return false;
}
