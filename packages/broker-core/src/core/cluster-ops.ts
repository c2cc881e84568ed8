import type { Chunk, ConfigChanges, StoredCluster } from '@undermoon/broker-api';
import { applyConfigField, type ClusterName } from '@undermoon/cluster-meta';
import type { SlotRanges } from '@undermoon/slots';
import { allocateChunks, allocateOrdered, chunkOf, proxiesOf } from './allocate.ts';
import { done, refused, type ApplyContext, type StoreStep } from './command.ts';
import { bumpCluster, bumpGlobal } from './epoch.ts';
import { isMigrating, withCluster, withMembership, type StoreState } from './model.ts';
import { chunkCountOf, invalidNodeNumber, NODE_NUMBER_MAX } from './node-number.ts';
import { slotQuotas } from './plan-slots.ts';

/** Creates a cluster out of free proxies and deals all slots evenly to its masters. */
export function createCluster(
  state: StoreState,
  name: ClusterName,
  nodeNumber: number,
  context: ApplyContext,
): StoreStep {
  if (state.enableOrderedProxy && state.clusters.size > 0) {
    const message = 'ordered mode holds one cluster, and there is one';
    return refused(state, 'ONE_CLUSTER_ALREADY_EXISTED', message);
  }
  if (state.clusters.has(name)) {
    return refused(state, 'ALREADY_EXISTED', `cluster ${name} exists already`);
  }
  const number = { nodeNumber, most: NODE_NUMBER_MAX };
  const chunkCount = chunkCountOf(number);
  if (chunkCount === null) return invalidNodeNumber(state, number);
  const allocation = state.enableOrderedProxy
    ? allocateOrdered(state, chunkCount, 0)
    : allocateChunks(state, chunkCount);
  if (!allocation.ok) return { state, events: [], outcome: allocation };
  const weights = allocation.pairs.flatMap(([first, second]) => {
    const weight = Math.min(first.weight, second.weight);
    return [weight, weight];
  });
  const chunks = dealSlots(allocation.pairs.map(chunkOf), weights);
  const config = context.defaultClusterConfig;
  const cluster = { name, epoch: state.globalEpoch, chunks, config, isPaused: false };
  const next = bumpCluster(withMembership(state, proxiesOf(chunks), name), cluster);
  return done(next, [{ kind: 'cluster-created', name, nodeNumber }]);
}

/** Deletes a cluster; its proxies become free. */
export function deleteCluster(state: StoreState, name: ClusterName): StoreStep {
  const cluster = state.clusters.get(name);
  if (cluster === undefined) return clusterNotFound(state, name);
  const freed = withMembership(state, proxiesOf(cluster.chunks), null);
  const next = bumpGlobal(withCluster(freed, name, null));
  return done(next, [{ kind: 'cluster-deleted', name }]);
}

/** Changes configuration fields, all of them or none. The epoch rises only if a value changed. */
export function changeConfig(
  state: StoreState,
  name: ClusterName,
  changes: ConfigChanges,
): StoreStep {
  const cluster = state.clusters.get(name);
  if (cluster === undefined) return clusterNotFound(state, name);
  if (isMigrating(cluster)) {
    return refused(state, 'MIGRATION_RUNNING', `slots of cluster ${name} are being moved`);
  }
  let config = cluster.config;
  for (const [key, value] of changes) {
    const changed = applyConfigField(config, key, value);
    if (!changed.ok) {
      const { code: message } = changed;
      const outcome = { ok: false, code: 'INVALID_CONFIG', message, key, value } as const;
      return { state, events: [], outcome };
    }
    config = changed.value;
  }
  if (isSameConfig(config, cluster.config)) return done(state, []);
  return done(bumpCluster(state, { ...cluster, config }), [{ kind: 'config-changed', name }]);
}

export function clusterNotFound(state: StoreState, name: ClusterName): StoreStep {
  return refused(state, 'CLUSTER_NOT_FOUND', `there is no cluster ${name}`);
}

// Master `2c + p` is part p of chunk c. Each gets its share, in order.
function dealSlots(chunks: readonly Chunk[], weights: readonly number[]): Chunk[] {
  let start = 0;
  const ranges = slotQuotas([], weights).map((quota): SlotRanges => {
    start += quota;
    return [[start - quota, start - 1]];
  });
  return chunks.map((chunk, index) => ({
    ...chunk,
    stableSlots: [ranges[2 * index] ?? null, ranges[2 * index + 1] ?? null],
  }));
}

function isSameConfig(left: StoredCluster['config'], right: StoredCluster['config']): boolean {
  return (
    left.compressionStrategy === right.compressionStrategy &&
    left.splitCommands === right.splitCommands &&
    left.migration.maxMigrationTime === right.migration.maxMigrationTime &&
    left.migration.maxBlockingTime === right.migration.maxBlockingTime &&
    left.migration.scanInterval === right.migration.scanInterval &&
    left.migration.scanCount === right.migration.scanCount
  );
}
