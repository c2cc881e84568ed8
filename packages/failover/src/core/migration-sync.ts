// Finished migrations, as proxies report them, until the broker has committed them. Both ends and every
// coordinator report the same task; the broker's answer to the second one is as good as success.

import type { MigrationMeta, MigrationTask } from '@undermoon/cluster-meta';
import type { Step } from '@undermoon/runtime';
import type { CoordinatorEffect } from './effect.ts';
import { notify } from './effect.ts';
import type { CoordinatorEvent, Moment } from './event.ts';
import { backoffMs, spread, withEntries } from './schedule.ts';
import type { CoordinatorSettings } from './settings.ts';

/** One finished migration. */
export interface FinishedMigration {
  readonly task: MigrationTask;
  readonly meta: MigrationMeta;
  readonly seenAt: number;
  readonly runningId: number | null;
  /** Commits asked for since it was first reported. */
  readonly attempts: number;
  readonly nextAt: number;
}

export interface MigrationSyncState {
  readonly tasks: ReadonlyMap<string, FinishedMigration>;
  readonly nextId: number;
}

type MigrationStep = Step<MigrationSyncState, CoordinatorEffect>;
type CommitDone = Extract<CoordinatorEvent, { kind: 'commit-done' }>;
type CommitFailed = Extract<CoordinatorEvent, { kind: 'commit-failed' }>;

/** No finished migrations. */
export function newMigrationSync(): MigrationSyncState {
  return { tasks: new Map(), nextId: 1 };
}

/** The same for both ends of a migration, and different when it is planned or reset anew. */
function migrationKey(task: MigrationTask, meta: MigrationMeta): string {
  const ends = [
    meta.srcProxyAddress,
    meta.srcNodeAddress,
    meta.dstProxyAddress,
    meta.dstNodeAddress,
  ];
  return [task.clusterName, meta.epoch, ...ends, JSON.stringify(task.slots.ranges)].join(' ');
}

/** Takes what one proxy reports as finished. */
export function reportFinished(
  state: MigrationSyncState,
  settings: CoordinatorSettings,
  tasks: readonly MigrationTask[],
  at: number,
): MigrationSyncState {
  const changed: [string, FinishedMigration][] = [];
  let room = settings.migrationsMax - state.tasks.size;
  for (const task of tasks) {
    if (task.slots.tag.kind === 'none') continue;
    const { meta } = task.slots.tag;
    const key = migrationKey(task, meta);
    const known = state.tasks.get(key);
    if (known === undefined && room <= 0) continue;
    if (known === undefined) room -= 1;
    changed.push([
      key,
      known === undefined
        ? { task, meta, seenAt: at, runningId: null, attempts: 0, nextAt: at }
        : { ...known, seenAt: at },
    ]);
  }
  return { ...state, tasks: withEntries(state.tasks, changed) };
}

/** Asks for the commits that are due, and forgets what no proxy has reported for a while. */
export function planCommits(
  state: MigrationSyncState,
  settings: CoordinatorSettings,
  isHeld: (task: MigrationTask) => boolean,
  at: number,
): MigrationStep {
  const forgetMs = 4 * settings.backoffMaxMs;
  const isStale = (entry: FinishedMigration): boolean =>
    entry.runningId === null && at - entry.seenAt > forgetMs;
  let tasks = state.tasks;
  if ([...tasks.values()].some(isStale)) {
    tasks = new Map([...tasks].filter(([, entry]) => !isStale(entry)));
  }
  let room = settings.commitsMax;
  for (const entry of tasks.values()) if (entry.runningId !== null) room -= 1;
  let nextId = state.nextId;
  const effects: CoordinatorEffect[] = [];
  const changed: [string, FinishedMigration][] = [];
  for (const [key, entry] of tasks) {
    // Due, and still reported since the last try: a commit that worked makes the proxies drop the task.
    const isDue = entry.runningId === null && entry.nextAt <= at && entry.seenAt >= entry.nextAt;
    if (!isDue || room <= 0 || isHeld(entry.task)) continue;
    room -= 1;
    effects.push({ kind: 'commit', id: nextId, key, task: entry.task });
    changed.push([key, { ...entry, runningId: nextId, attempts: entry.attempts + 1 }]);
    nextId += 1;
  }
  return { state: { tasks: withEntries(tasks, changed), nextId }, effects };
}

/** Committed, now or earlier: the destination gets its new metadata before the source, so that the slots always have an owner. */
export function commitDone(
  state: MigrationSyncState,
  settings: CoordinatorSettings,
  event: CommitDone,
): MigrationStep {
  const entry = state.tasks.get(event.key);
  if (entry === undefined || entry.runningId !== event.id) return { state, effects: [] };
  const { task, meta } = entry;
  const source = meta.srcProxyAddress;
  const destination = meta.dstProxyAddress;
  const { clusterName } = task;
  return {
    state: settle(state, event.key, entry, event.at + pauseAfter(entry, settings, event)),
    effects: [
      ...(entry.attempts > 1
        ? []
        : [
            notify({
              kind: 'migration-committed',
              clusterName,
              source,
              destination,
              epoch: meta.epoch,
            }),
          ]),
      { kind: 'read-cluster', name: clusterName, first: [destination, source] },
    ],
  };
}

/** Refused or lost: again after a pause, if a proxy still reports it then. */
export function commitFailed(
  state: MigrationSyncState,
  settings: CoordinatorSettings,
  event: CommitFailed,
): MigrationStep {
  const entry = state.tasks.get(event.key);
  if (entry === undefined || entry.runningId !== event.id) return { state, effects: [] };
  const retryInMs = pauseAfter(entry, settings, event);
  const { clusterName } = entry.task;
  return {
    state: settle(state, event.key, entry, event.at + retryInMs),
    effects: [notify({ kind: 'commit-failed', clusterName, code: event.code, retryInMs })],
  };
}

function settle(
  state: MigrationSyncState,
  key: string,
  entry: FinishedMigration,
  nextAt: number,
): MigrationSyncState {
  const next = { ...entry, runningId: null, nextAt };
  return { ...state, tasks: withEntries(state.tasks, [[key, next]]) };
}

function pauseAfter(
  entry: FinishedMigration,
  settings: CoordinatorSettings,
  moment: Moment,
): number {
  const limits = { minMs: settings.backoffMinMs, maxMs: settings.backoffMaxMs };
  return backoffMs(entry.attempts, limits, spread(moment.draw, entry.attempts));
}
