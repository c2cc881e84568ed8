import type { Chunk, RolePosition, StoredCluster, StoredMigration } from '@undermoon/broker-api';
import type { Epoch, MigrationTask } from '@undermoon/cluster-meta';
import { equalRanges, unionRanges } from '@undermoon/slots';
import { clusterNotFound } from './cluster-ops.ts';
import { done, refused, type StoreStep } from './command.ts';
import { bumpCluster } from './epoch.ts';
import { CHUNK_PARTS, isMigrating, masterOf, withEntry, type StoreState } from './model.ts';

/**
 * Ends a migration: its slots become stable slots of the destination. A task is known by its slots and its
 * epoch. Who reports second, or about a task that a failover restarted, gets MIGRATION_TASK_NOT_FOUND.
 */
export function commitMigration(state: StoreState, task: MigrationTask): StoreStep {
  const cluster = state.clusters.get(task.clusterName);
  if (cluster === undefined) return clusterNotFound(state, task.clusterName);
  const { tag, ranges } = task.slots;
  if (tag.kind === 'none') {
    return refused(state, 'INVALID_MIGRATION_TASK', 'slot_range.tag: a task has a tag');
  }
  const isTask = (entry: StoredMigration): boolean =>
    entry.meta.epoch === tag.meta.epoch && equalRanges(entry.ranges, ranges);
  const source = findEntry(cluster, (entry) => entry.isMigrating && isTask(entry));
  const destination = findEntry(cluster, (entry) => !entry.isMigrating && isTask(entry));
  if (source === null || destination === null) {
    const message = `cluster ${cluster.name} has no such migration at epoch ${tag.meta.epoch}`;
    return refused(state, 'MIGRATION_TASK_NOT_FOUND', message);
  }
  const { dstChunkIndex, dstChunkPart } = destination.meta;
  const isOther = (entry: StoredMigration): boolean => entry !== source && entry !== destination;
  const chunks = cluster.chunks.map((chunk, index): Chunk => {
    const [first, second] = chunk.migratingSlots;
    const rest: Chunk = {
      ...chunk,
      migratingSlots: [first.filter(isOther), second.filter(isOther)],
    };
    if (index !== dstChunkIndex) return rest;
    const stable = unionRanges(chunk.stableSlots[dstChunkPart] ?? [], ranges);
    return { ...rest, stableSlots: withEntry(chunk.stableSlots, dstChunkPart, stable) };
  });
  const after = { ...cluster, chunks };
  const isPaused = cluster.isPaused && isMigrating(after);
  const next = bumpCluster(state, { ...after, isPaused });
  return done(next, [{ kind: 'migration-committed', name: cluster.name }]);
}

/**
 * Gives a new epoch to the migrations whose addresses change when chunks take other role positions, and to
 * those that share an end with one of them: a proxy then starts them afresh, and a commit that was reported
 * for the old addresses no longer matches.
 */
export function renewMigrations(
  before: StoredCluster,
  after: StoredCluster,
  epoch: Epoch,
): StoredCluster {
  const touched = new Set<string>();
  for (const [index, chunk] of before.chunks.entries()) {
    const position = after.chunks[index]?.rolePosition ?? chunk.rolePosition;
    for (const entry of entriesOfMovedParts(chunk, position)) {
      touched.add(sourceOf(entry)).add(destinationOf(entry));
    }
  }
  if (touched.size === 0) return after;
  const renew = (entry: StoredMigration): StoredMigration =>
    touched.has(sourceOf(entry)) || touched.has(destinationOf(entry))
      ? { ...entry, meta: { ...entry.meta, epoch } }
      : entry;
  const chunks = after.chunks.map((chunk): Chunk => {
    const [first, second] = chunk.migratingSlots;
    return { ...chunk, migratingSlots: [first.map(renew), second.map(renew)] };
  });
  return { ...after, chunks };
}

// The migrations of the parts whose master changes when the chunk takes another position.
function entriesOfMovedParts(chunk: Chunk, position: RolePosition): StoredMigration[] {
  return CHUNK_PARTS.filter(
    (part) => masterOf(chunk.rolePosition, part) !== masterOf(position, part),
  ).flatMap((part) => chunk.migratingSlots[part]);
}

function findEntry(
  cluster: StoredCluster,
  matches: (entry: StoredMigration) => boolean,
): StoredMigration | null {
  for (const chunk of cluster.chunks) {
    const entry = chunk.migratingSlots.flat().find(matches);
    if (entry !== undefined) return entry;
  }
  return null;
}

function sourceOf({ meta }: StoredMigration): string {
  return `${meta.srcChunkIndex}.${meta.srcChunkPart}`;
}

function destinationOf({ meta }: StoredMigration): string {
  return `${meta.dstChunkIndex}.${meta.dstChunkPart}`;
}
