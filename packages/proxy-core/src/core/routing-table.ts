import { Buffer } from 'node:buffer';
import {
  EPOCH_ZERO,
  hostOf,
  portOf,
  type AddressSlots,
  type ClusterName,
  type Epoch,
  type NodeAddress,
  type SetCluster,
} from '@undermoon/cluster-meta';
import { SLOT_COUNT, type SlotRanges } from '@undermoon/slots';

/** The value of `RoutingTable.slots` for a slot that nobody owns. */
export const SLOT_UNCOVERED = -1;

/** Another proxy that owns slots. */
export interface PeerTarget {
  readonly address: NodeAddress;
  /** The end of a redirection to it, after "-MOVED <slot>": the bytes " host:port\r\n". */
  readonly movedSuffix: Uint8Array;
}

/** Who serves which slot, as one immutable snapshot: built from metadata, swapped whole, never edited. */
export interface RoutingTable {
  readonly epoch: Epoch;
  /** Null: the proxy is in no cluster. */
  readonly clusterName: ClusterName | null;
  /** Per slot: an index into `localNodes`, `SLOT_UNCOVERED`, or -2 - (index into `peers`). */
  readonly slots: Int16Array;
  readonly localNodes: readonly NodeAddress[];
  readonly peers: readonly PeerTarget[];
  /** What the table was built from; null before the first metadata. */
  readonly meta: SetCluster | null;
}

/** The table of a proxy that has no metadata yet. */
export const EMPTY_TABLE: RoutingTable = {
  epoch: EPOCH_ZERO,
  clusterName: null,
  slots: new Int16Array(SLOT_COUNT).fill(SLOT_UNCOVERED),
  localNodes: [],
  peers: [],
  meta: null,
};

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
  const isMember = meta.clusterName !== null;
  const local = isMember ? sortedByAddress(meta.local) : [];
  const remote = isMember ? sortedByAddress(meta.peers).filter((p) => p.address !== self) : [];
  const localNodes = uniqueAddresses(local.filter((node) => node.slots.length > 0));
  const peers = new PeerList(remote);
  const slots = new Int16Array(SLOT_COUNT).fill(SLOT_UNCOVERED);
  for (const node of local) claimServed(slots, node, localNodes.indexOf(node.address));
  for (const node of remote) claimServed(slots, node, peers.slotValueOf(node.address));
  for (const node of [...local, ...remote]) {
    for (const { ranges, tag } of node.slots) {
      if (tag.kind !== 'importing') continue;
      const { srcNodeAddress, srcProxyAddress } = tag.meta;
      const index = localNodes.indexOf(srcNodeAddress);
      if (index < 0 && srcProxyAddress === self) continue;
      claim(slots, ranges, () => (index >= 0 ? index : peers.slotValueOf(srcProxyAddress)));
    }
  }
  return {
    epoch: meta.epoch,
    clusterName: meta.clusterName,
    slots,
    localNodes,
    peers: peers.targets,
    meta,
  };
}

/** The proxies of a table, in the order of their index. */
class PeerList {
  readonly targets: PeerTarget[] = [];
  readonly #indexOf = new Map<NodeAddress, number>();

  constructor(nodes: readonly AddressSlots[]) {
    for (const node of nodes) this.slotValueOf(node.address);
  }

  slotValueOf(address: NodeAddress): number {
    let index = this.#indexOf.get(address);
    if (index === undefined) {
      index = this.targets.length;
      this.#indexOf.set(address, index);
      this.targets.push({ address, movedSuffix: movedSuffixOf(address) });
    }
    return -2 - index;
  }
}

/** Redis writes an IPv6 host without brackets here; clients cut at the last colon. */
function movedSuffixOf(address: NodeAddress): Uint8Array {
  return Buffer.from(` ${hostOf(address)}:${portOf(address)}\r\n`);
}

function claimServed(slots: Int16Array, node: AddressSlots, slotValue: number): void {
  for (const { ranges, tag } of node.slots) {
    if (tag.kind !== 'importing') claim(slots, ranges, () => slotValue);
  }
}

/** Gives the uncovered ones of these slots away. The value is asked for lazily: it may add a peer. */
function claim(slots: Int16Array, ranges: SlotRanges, slotValue: () => number): void {
  for (const [start, end] of ranges) {
    for (let slot = start; slot <= end && slot < SLOT_COUNT; slot++) {
      if (slots[slot] === SLOT_UNCOVERED) slots[slot] = slotValue();
    }
  }
}

function sortedByAddress(nodes: readonly AddressSlots[]): AddressSlots[] {
  return nodes.toSorted((left, right) =>
    left.address < right.address ? -1 : left.address > right.address ? 1 : 0,
  );
}

function uniqueAddresses(nodes: readonly AddressSlots[]): NodeAddress[] {
  return [...new Set(nodes.map((node) => node.address))];
}
