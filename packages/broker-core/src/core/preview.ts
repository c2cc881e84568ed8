import type { ClusterPlan } from '@undermoon/broker-api';
import type { ClusterName } from '@undermoon/cluster-meta';
import { countSlots } from '@undermoon/slots';
import { proxiesOf } from './allocate.ts';
import { NODES_PER_CHUNK, type StoreState } from './model.ts';
import { clusterMigrations } from './query.ts';

/** What makes the cluster of `after` out of that of `before`. Null when there is none in `after`. */
export function planBetween(
  before: StoreState,
  after: StoreState,
  clusterName: ClusterName,
): ClusterPlan | null {
  const old = before.clusters.get(clusterName);
  const cluster = after.clusters.get(clusterName);
  if (cluster === undefined) return null;
  const had = new Set(old === undefined ? [] : proxiesOf(old.chunks));
  const has = new Set(proxiesOf(cluster.chunks));
  const tasks = clusterMigrations(cluster, 0).migrations.map(({ task }) => task);
  return {
    clusterName,
    nodeNumber: cluster.chunks.length * NODES_PER_CHUNK,
    addedProxies: [...has].filter((address) => !had.has(address)),
    removedProxies: [...had].filter((address) => !has.has(address)),
    slotCount: tasks.reduce((sum, task) => sum + countSlots(task.slots.ranges), 0),
    tasks,
  };
}
