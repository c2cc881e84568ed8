import type { StoreState } from './model.ts';

/** Migrations that are planned or run, each counted once. */
export function countMigrations(state: StoreState): number {
  let count = 0;
  for (const { chunks } of state.clusters.values()) {
    for (const { migratingSlots } of chunks) {
      // The source's copy of each.
      count += migratingSlots.flat().filter((entry) => entry.isMigrating).length;
    }
  }
  return count;
}

/** Proxies by what they are; one that is marked as failed counts as that alone. */
export function countProxies(state: StoreState): {
  readonly member: number;
  readonly free: number;
  readonly failed: number;
} {
  let member = 0;
  let failed = 0;
  for (const [address, { cluster }] of state.proxies) {
    if (state.failedProxies.has(address)) failed += 1;
    else if (cluster !== null) member += 1;
  }
  return { member, failed, free: state.proxies.size - member - failed };
}
