import type { NodeAddress } from '@undermoon/cluster-meta';
import type { BackendStats } from './info.ts';

/** The Redis servers as all loops together see them, in the order of the first loop that knows them. */
export function mergeBackends(
  loops: readonly (readonly BackendStats[])[],
): readonly BackendStats[] {
  const merged = new Map<NodeAddress, BackendStats>();
  for (const backend of loops.flat()) {
    const known = merged.get(backend.address);
    merged.set(backend.address, known === undefined ? backend : together(known, backend));
  }
  return [...merged.values()];
}

function together(left: BackendStats, right: BackendStats): BackendStats {
  const states = [left.state, right.state];
  return {
    address: left.address,
    state: states.includes('up') ? 'up' : states.includes('connecting') ? 'connecting' : 'idle',
    connectionCount: left.connectionCount + right.connectionCount,
    pendingCount: left.pendingCount + right.pendingCount,
  };
}

/** Adds up counts of the same kind, field by field. */
export function addCounts<Name extends string>(
  left: Readonly<Record<Name, number>>,
  right: Readonly<Record<Name, number>>,
): Record<Name, number> {
  const sums: Record<Name, number> = { ...left };
  for (const name in sums) sums[name] += right[name];
  return sums;
}
