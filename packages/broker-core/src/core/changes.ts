import type { ClusterName, Epoch, NodeAddress } from '@undermoon/cluster-meta';
import type { StoreState } from './model.ts';
import { differingParts } from './split-map.ts';

/** Names of what differs between two states. */
export interface StoreChanges {
  /** Epoch of the later state. */
  readonly epoch: Epoch;
  readonly clusters: readonly ClusterName[];
  readonly removedClusters: readonly ClusterName[];
  /** Registered, joined or left a cluster, marked as failed or trusted again. */
  readonly proxies: readonly NodeAddress[];
  readonly removedProxies: readonly NodeAddress[];
}

/** What differs. States share what did not change, so comparing by identity is exact and cheap. */
export function changesBetween(before: StoreState, after: StoreState): StoreChanges {
  const clusters = changedKeys(before.clusters, after.clusters);
  const records = changedKeys(before.proxies, after.proxies);
  const marked = [
    ...missingIn(before.failedProxies, after.failedProxies),
    ...missingIn(after.failedProxies, before.failedProxies),
  ].filter((address) => after.proxies.has(address));
  return {
    epoch: after.globalEpoch,
    clusters,
    removedClusters: missingKeys(before.clusters, after.clusters),
    proxies: [...new Set([...records, ...marked])],
    removedProxies: missingKeys(before.proxies, after.proxies),
  };
}

/** Whether documents differ though the epoch did not rise, so that no epoch can tell them apart. */
export function isEpochBlind(before: StoreState, after: StoreState): boolean {
  if (after.globalEpoch > before.globalEpoch) return false;
  return (
    after.globalEpoch < before.globalEpoch ||
    after.clusters !== before.clusters ||
    after.proxies !== before.proxies
  );
}

function changedKeys<K extends string, V>(
  before: ReadonlyMap<K, V>,
  after: ReadonlyMap<K, V>,
): K[] {
  if (before === after) return [];
  const changed: K[] = [];
  for (const [old, now] of differingParts(before, after)) {
    for (const [key, value] of now) if (old.get(key) !== value) changed.push(key);
  }
  return changed;
}

/** Keys of the first that the second does not have. */
function missingKeys<K extends string, V>(
  before: ReadonlyMap<K, V>,
  after: ReadonlyMap<K, V>,
): K[] {
  if (before === after) return [];
  return differingParts(before, after).flatMap(([old, now]) =>
    [...old.keys()].filter((key) => !now.has(key)),
  );
}

/** Elements of the second that the first does not have. */
function missingIn<K>(within: ReadonlySet<K>, from: ReadonlySet<K>): K[] {
  if (within === from) return [];
  return [...from].filter((key) => !within.has(key));
}
