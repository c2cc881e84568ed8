// Which migrations run. A migration is shown to proxies, and then runs, unless it is held or past the limit that
// a view of the cluster has. Held ones stay hidden whatever the limit is; they are released one after the other:
//
//   planned under a limit per host   held, released when both of its hosts have room
//   pause                            those not shown yet are held; those that run are finished
//   resume                           they are released
//   cancel                           those not shown yet are dropped, their slots stay where they are; of those
//                                    that run the ones whose source has promised not to hand them over
//
// Without that promise a migration that runs cannot be taken back: its destination may own the slots already.

import type { Chunk, StoredCluster, StoredMigration } from '@undermoon/broker-api';
import type { ClusterName, TaggedSlots } from '@undermoon/cluster-meta';
import { unionRanges } from '@undermoon/slots';
import { clusterNotFound } from './cluster-ops.ts';
import {
  done,
  refused,
  type ApplyContext,
  type StoreCommand,
  type StoreEvent,
  type StoreStep,
} from './command.ts';
import { bumpCluster } from './epoch.ts';
import {
  CHUNK_PARTS,
  halfOf,
  isMigrating,
  masterOf,
  withCluster,
  withEntry,
  type StoreState,
} from './model.ts';
import { shownMigrations, taggedSlots, taskKey } from './query.ts';

/** Lets the migrations that run finish, and starts no others. */
export function pauseMigrations(
  state: StoreState,
  name: ClusterName,
  context: ApplyContext,
): StoreStep {
  const cluster = state.clusters.get(name);
  if (cluster === undefined) return clusterNotFound(state, name);
  if (!isMigrating(cluster)) return nothingToMigrate(state, name);
  if (cluster.isPaused) return done(state, []);
  const shown = shownMigrations(cluster.chunks, context.migrationLimit);
  const hold = (entry: StoredMigration): StoredMigration =>
    shown.has(taskKey(entry)) ? entry : { ...entry, isHeld: true };
  const paused = { ...mapMigrations(cluster, hold), isPaused: true };
  return done(bumpCluster(state, paused), [{ kind: 'migrations-paused', name }]);
}

/** Starts paused migrations again. */
export function resumeMigrations(state: StoreState, name: ClusterName): StoreStep {
  const cluster = state.clusters.get(name);
  if (cluster === undefined) return clusterNotFound(state, name);
  if (!cluster.isPaused) return done(state, []);
  const resumed = withCluster(state, name, { ...cluster, isPaused: false });
  return done(resumed, [{ kind: 'migrations-resumed', name }]);
}

/** Drops the migrations that do not run yet, and those that their source agreed to give up. The others are finished. */
export function cancelMigrations(
  state: StoreState,
  { name, agreed = [] }: Extract<StoreCommand, { kind: 'cancel-migrations' }>,
  context: ApplyContext,
): StoreStep {
  const cluster = state.clusters.get(name);
  if (cluster === undefined) return clusterNotFound(state, name);
  if (!isMigrating(cluster)) return nothingToMigrate(state, name);
  const shown = shownMigrations(cluster.chunks, context.migrationLimit);
  // A promise is about a task of these addresses and this epoch: one that a failover restarted is another one.
  const promised = new Set(
    agreed.filter((task) => task.clusterName === name).map(({ slots }) => identityOf(slots)),
  );
  const runs = (entry: StoredMigration): boolean =>
    shown.has(taskKey(entry)) &&
    !promised.has(identityOf(taggedSlots(cluster.chunks, { ...entry, isMigrating: true })));
  let taskCount = 0;
  const chunks = cluster.chunks.map((chunk): Chunk => {
    let left = chunk;
    for (const part of CHUNK_PARTS) {
      const entries = chunk.migratingSlots[part];
      const dropped = entries.filter((entry) => entry.isMigrating && !runs(entry));
      taskCount += dropped.length;
      const migrating = withEntry(left.migratingSlots, part, entries.filter(runs));
      left = { ...left, migratingSlots: migrating };
      if (dropped.length === 0) continue;
      const stable = dropped.reduce(
        (ranges, entry) => unionRanges(ranges, entry.ranges),
        chunk.stableSlots[part] ?? [],
      );
      left = { ...left, stableSlots: withEntry(left.stableSlots, part, stable) };
    }
    return left;
  });
  if (taskCount === 0) {
    const message = `all migrations of cluster ${name} run already, and no source has agreed to give its one up`;
    return refused(state, 'MIGRATION_RUNNING', message);
  }
  const next = bumpCluster(state, { ...cluster, chunks, isPaused: false });
  return done(next, [{ kind: 'migrations-cancelled', name, taskCount }]);
}

/**
 * Releases held migrations of clusters that are not paused: all of them, or, with a limit per host, as many as the
 * hosts of their masters have room for. Clusters take turns.
 */
export function releaseMigrations(state: StoreState, context: ApplyContext): StoreStep {
  const waiting = [...state.clusters.values()].filter(
    (cluster) => !cluster.isPaused && hasHeld(cluster),
  );
  if (waiting.length === 0) return done(state, []);
  const released = waiting.map(() => new Set<string>());
  const room = new HostRoom(state, context.hostMigrationLimit);
  for (let isProgress = true; isProgress;) {
    isProgress = false;
    for (const [index, cluster] of waiting.entries()) {
      const next = nextToRelease(cluster, released[index] ?? new Set(), context, room);
      if (next === null) continue;
      released[index]?.add(taskKey(next));
      room.take(cluster, next);
      isProgress = true;
    }
  }
  let after = state;
  const events: StoreEvent[] = [];
  for (const [index, cluster] of waiting.entries()) {
    const keys = released[index] ?? new Set();
    if (keys.size === 0) continue;
    const release = (entry: StoredMigration): StoredMigration =>
      keys.has(taskKey(entry)) ? { ...entry, isHeld: false } : entry;
    after = bumpCluster(after, mapMigrations(cluster, release));
    events.push({ kind: 'migrations-released', name: cluster.name, taskCount: keys.size });
  }
  return done(after, events);
}

/** Migrations that run on each host, as a source or a destination. */
class HostRoom {
  readonly #counts = new Map<string, number>();
  readonly #limit: number;

  constructor(state: StoreState, limit: number) {
    this.#limit = limit;
    if (limit === 0) return;
    for (const cluster of state.clusters.values()) {
      for (const entry of sourceEntries(cluster)) {
        if (!entry.isHeld) this.take(cluster, entry);
      }
    }
  }

  has(cluster: StoredCluster, entry: StoredMigration): boolean {
    if (this.#limit === 0) return true;
    return hostsOf(cluster, entry).every((host) => (this.#counts.get(host) ?? 0) < this.#limit);
  }

  take(cluster: StoredCluster, entry: StoredMigration): void {
    for (const host of hostsOf(cluster, entry)) {
      this.#counts.set(host, (this.#counts.get(host) ?? 0) + 1);
    }
  }
}

// With a limit per host, no more are released than are shown: a released one that does not run would take room.
function nextToRelease(
  cluster: StoredCluster,
  released: ReadonlySet<string>,
  context: ApplyContext,
  room: HostRoom,
): StoredMigration | null {
  const entries = sourceEntries(cluster);
  const isReleased = (entry: StoredMigration): boolean =>
    !entry.isHeld || released.has(taskKey(entry));
  if (context.hostMigrationLimit === 0) return entries.find((entry) => !isReleased(entry)) ?? null;
  const running = entries.filter(isReleased);
  const { migrationLimit } = context;
  if (migrationLimit > 0 && running.length >= migrationLimit) return null;
  const busy = new Set(migrationLimit > 0 ? running.map(sourceOf) : []);
  const isNext = (entry: StoredMigration): boolean =>
    !isReleased(entry) && !busy.has(sourceOf(entry)) && room.has(cluster, entry);
  return entries.find(isNext) ?? null;
}

function hasHeld(cluster: StoredCluster): boolean {
  return cluster.chunks.some((chunk) =>
    chunk.migratingSlots.some((entries) => entries.some((entry) => entry.isHeld)),
  );
}

function sourceEntries(cluster: StoredCluster): StoredMigration[] {
  return cluster.chunks.flatMap((chunk) =>
    chunk.migratingSlots.flatMap((entries) => entries.filter((entry) => entry.isMigrating)),
  );
}

function sourceOf({ meta }: StoredMigration): string {
  return `${meta.srcChunkIndex}.${meta.srcChunkPart}`;
}

// The hosts of the masters at both ends; once if it is the same.
function hostsOf(cluster: StoredCluster, { meta }: StoredMigration): readonly string[] {
  const source = cluster.chunks[meta.srcChunkIndex];
  const destination = cluster.chunks[meta.dstChunkIndex];
  if (source === undefined || destination === undefined) return [];
  const from = source.hosts[halfOf(masterOf(source.rolePosition, meta.srcChunkPart))];
  const to = destination.hosts[halfOf(masterOf(destination.rolePosition, meta.dstChunkPart))];
  return from === to ? [from] : [from, to];
}

function mapMigrations(
  cluster: StoredCluster,
  map: (entry: StoredMigration) => StoredMigration,
): StoredCluster {
  const chunks = cluster.chunks.map((chunk): Chunk => {
    const [first, second] = chunk.migratingSlots;
    if (first.length === 0 && second.length === 0) return chunk;
    return { ...chunk, migratingSlots: [first.map(map), second.map(map)] };
  });
  return { ...cluster, chunks };
}

function identityOf({ ranges, tag }: TaggedSlots): string {
  if (tag.kind === 'none') return '';
  const { epoch, srcProxyAddress, srcNodeAddress, dstProxyAddress, dstNodeAddress } = tag.meta;
  const ends = [srcProxyAddress, srcNodeAddress, dstProxyAddress, dstNodeAddress];
  return JSON.stringify([ranges, epoch, ends]);
}

function nothingToMigrate(state: StoreState, name: ClusterName): StoreStep {
  const message = `no slots of cluster ${name} are being moved`;
  return refused(state, 'MIGRATION_TASK_NOT_FOUND', message);
}
