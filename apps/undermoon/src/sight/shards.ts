import type { NodeAddress, NodeMeta } from '@undermoon/cluster-meta';

import { ownedSlots } from './slot-text.ts';

/**
 * Numbers the shards of one cluster (a master and its replica) from 1 in the order of their slots; those without slots
 * come last. The result has every Redis server whose master is among `nodes`.
 */
export function shardNumbers(nodes: readonly NodeMeta[]): ReadonlyMap<NodeAddress, number> {
  const masters = nodes.filter(({ role }) => role === 'master');
  const ordered = masters.toSorted((a, b) => firstSlot(a) - firstSlot(b));
  const numbers = new Map(ordered.map(({ address }, index) => [address, index + 1]));
  for (const { address, role, peers } of nodes) {
    const number = role === 'replica' ? numbers.get(peers[0]?.nodeAddress ?? address) : undefined;
    if (number !== undefined) numbers.set(address, number);
  }
  return numbers;
}

function firstSlot({ slots }: NodeMeta): number {
  const starts = ownedSlots(slots).flatMap(({ ranges }) => ranges.map(([start]) => start));
  // Not Infinity, whose difference from itself is no number.
  return Math.min(Number.MAX_SAFE_INTEGER, ...starts);
}
