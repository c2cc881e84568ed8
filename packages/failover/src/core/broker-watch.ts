// The request that waits at the broker for the next change, so that metadata goes out at once instead of
// with the next round. The rounds go on beside it: a broker that cannot be watched costs time, nothing else.
//
//   idle -- due --> asked -- changes, nothing --> asked again at once
//                         -- failed ------------> idle, with growing pauses

import type { Epoch } from '@undermoon/cluster-meta';
import type { Step } from '@undermoon/runtime';
import type { BrokerCursor } from './broker-cursor.ts';
import type { CoordinatorEffect } from './effect.ts';
import { notify } from './effect.ts';
import type { CoordinatorEvent, Moment } from './event.ts';
import { backoffMs } from './schedule.ts';
import type { CoordinatorSettings } from './settings.ts';

export interface BrokerWatch {
  readonly cursor: BrokerCursor | null;
  readonly runningId: number | null;
  readonly nextAt: number;
  readonly attempts: number;
  /** The latest answer was a good one. */
  readonly isWatching: boolean;
  readonly nextId: number;
}

type WatchStep = Step<BrokerWatch, CoordinatorEffect>;
type Watched = Extract<CoordinatorEvent, { kind: 'watched' }>;

/** Nothing was asked yet. */
export function newBrokerWatch(): BrokerWatch {
  return {
    cursor: null,
    runningId: null,
    nextAt: -Infinity,
    attempts: 0,
    isWatching: false,
    nextId: 1,
  };
}

/** Starts the watch when it is due. */
export function planWatch(
  watch: BrokerWatch,
  settings: CoordinatorSettings,
  at: number,
): WatchStep {
  if (!settings.isWatching || watch.runningId !== null || watch.nextAt > at) {
    return { state: watch, effects: [] };
  }
  const id = watch.nextId;
  return {
    state: { ...watch, runningId: id, nextId: id + 1 },
    effects: [{ kind: 'watch', id, since: watch.cursor }],
  };
}

/** Takes an answer; the next watch goes on from it. */
export function tookWatch(watch: BrokerWatch, event: Watched): WatchStep {
  const effects = watch.isWatching ? [] : [notify({ kind: 'broker-watched' })];
  const { cursor, at } = event;
  const state = { ...watch, cursor, runningId: null, attempts: 0, isWatching: true, nextAt: at };
  return { state, effects };
}

/** No answer: again after a pause. A broker without this route is asked again now and then. */
export function missedWatch(
  watch: BrokerWatch,
  settings: CoordinatorSettings,
  event: Moment & { readonly code: string },
): WatchStep {
  const attempts = watch.attempts + 1;
  const isUnknown = event.code === 'ROUTE_NOT_FOUND' || event.code === 'METHOD_NOT_ALLOWED';
  const minMs = isUnknown ? settings.backoffMaxMs : settings.backoffMinMs;
  const pauseMs = backoffMs(attempts, { minMs, maxMs: settings.backoffMaxMs }, event.draw);
  const effects = watch.isWatching ? [notify({ kind: 'broker-watch-lost', code: event.code })] : [];
  const nextAt = event.at + pauseMs;
  return { state: { ...watch, runningId: null, isWatching: false, attempts, nextAt }, effects };
}

/** Another broker may answer from now on; an answer under way is dropped. */
export function restartWatch(watch: BrokerWatch): BrokerWatch {
  return { ...newBrokerWatch(), nextId: watch.nextId };
}

/** Whether everything has to be read again because of this answer. */
export function needsFullRead(
  before: BrokerCursor | null,
  viewEpoch: Epoch | null,
  event: Watched,
): boolean {
  // A history that goes on under another name says nothing about what came before it.
  if (before !== null && before.stream !== event.cursor.stream) return true;
  if (!event.isResync) return !event.isComplete;
  // The first answer only tells where to begin. Without an inventory yet, one is on its way; the one after
  // it finds what changed in between.
  if (before === null) return viewEpoch !== null && viewEpoch !== event.cursor.epoch;
  return true;
}
