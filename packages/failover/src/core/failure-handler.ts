// Which failovers to ask for. A proxy qualifies when the broker's quorum counts it as failed, or when it is
// marked failed but still holds its place in a cluster for want of a replacement; and in either case only
// while this coordinator, too, finds it dead. It is asked for again, with growing pauses, until it qualifies no more;
// each time on a miss that was just seen, since the proxy may have returned since the one before.

import type { NodeAddress } from '@undermoon/cluster-meta';
import type { Step } from '@undermoon/runtime';
import type { CoordinatorEffect } from './effect.ts';
import { notify } from './effect.ts';
import type { CoordinatorEvent } from './event.ts';
import { backoffMs, spread, withEntries } from './schedule.ts';
import type { CoordinatorSettings } from './settings.ts';

/** One proxy that has to be failed over. */
export interface FailureCase {
  readonly runningId: number | null;
  readonly attempts: number;
  readonly nextAt: number;
}

export interface FailureHandlerState {
  /** The broker's quorum counts these as failed. */
  readonly confirmed: ReadonlySet<NodeAddress>;
  readonly cases: ReadonlyMap<NodeAddress, FailureCase>;
  readonly nextId: number;
}

/** What the choice depends on besides the broker's list. */
export interface FailureConditions {
  /** Members of clusters that are marked failed. */
  readonly unreplaced: readonly NodeAddress[];
  readonly isDown: (address: NodeAddress) => boolean;
  /** How long ago a probe of it failed last. */
  readonly missAgeMs: (address: NodeAddress) => number;
  readonly isHeld: (address: NodeAddress) => boolean;
}

type FailureStep = Step<FailureHandlerState, CoordinatorEffect>;
type FailoverDone = Extract<CoordinatorEvent, { kind: 'failover-done' }>;
type FailoverFailed = Extract<CoordinatorEvent, { kind: 'failover-failed' }>;

/** No failures. */
export function newFailureHandler(): FailureHandlerState {
  return { confirmed: new Set(), cases: new Map(), nextId: 1 };
}

/** Takes the broker's list. */
export function confirmFailures(
  state: FailureHandlerState,
  addresses: readonly NodeAddress[],
): FailureHandlerState {
  return { ...state, confirmed: new Set(addresses) };
}

/** Asks for the failovers that are due, and closes the cases that are over. */
export function planFailovers(
  state: FailureHandlerState,
  settings: CoordinatorSettings,
  conditions: FailureConditions,
  at: number,
): FailureStep {
  if (settings.isFailoverDisabled) return { state, effects: [] };
  const qualified = new Set(
    [...state.confirmed, ...conditions.unreplaced].filter(conditions.isDown),
  );
  const cases = new Map<NodeAddress, FailureCase>();
  let room = settings.failoversMax;
  for (const [address, entry] of state.cases) {
    if (entry.runningId !== null) room -= 1;
    if (entry.runningId !== null || qualified.has(address)) cases.set(address, entry);
  }
  let nextId = state.nextId;
  const effects: CoordinatorEffect[] = [];
  for (const address of qualified) {
    const entry = cases.get(address) ?? { runningId: null, attempts: 0, nextAt: at };
    const isDue = entry.runningId === null && entry.nextAt <= at && room > 0;
    // The broker's list takes a moment to come after the report that completes the quorum.
    const ageMax = entry.attempts === 0 ? settings.missSpacingMs : 0;
    if (!isDue || conditions.missAgeMs(address) > ageMax || conditions.isHeld(address)) {
      cases.set(address, entry);
      continue;
    }
    room -= 1;
    effects.push({ kind: 'failover', id: nextId, address });
    cases.set(address, { ...entry, runningId: nextId, attempts: entry.attempts + 1 });
    nextId += 1;
  }
  return { state: { ...state, cases, nextId }, effects };
}

/**
 * Done. The proxy is on the broker's list once more until the next call clears its reports, so the case
 * stays, and a later call comes after a pause.
 */
export function failoverDone(
  state: FailureHandlerState,
  settings: CoordinatorSettings,
  event: FailoverDone,
): FailureStep {
  const entry = state.cases.get(event.address);
  if (entry === undefined || entry.runningId !== event.id) return { state, effects: [] };
  const nextAt = event.at + pause(entry, settings, event.draw);
  const replacement = event.replacement?.address ?? null;
  const isNews = entry.attempts === 1 || replacement !== null;
  return {
    state: withCase(state, event.address, { ...entry, runningId: null, nextAt }),
    effects: isNews ? [notify({ kind: 'failover-done', address: event.address, replacement })] : [],
  };
}

/** Refused or lost: again after a pause. */
export function failoverFailed(
  state: FailureHandlerState,
  settings: CoordinatorSettings,
  event: FailoverFailed,
): FailureStep {
  const { address, code } = event;
  const entry = state.cases.get(address);
  if (entry === undefined || entry.runningId !== event.id) return { state, effects: [] };
  const retryInMs = pause(entry, settings, event.draw);
  const next = { ...entry, runningId: null, nextAt: event.at + retryInMs };
  return {
    state: withCase(state, address, next),
    effects: [notify({ kind: 'failover-failed', address, code, retryInMs })],
  };
}

function pause(entry: FailureCase, settings: CoordinatorSettings, draw: number): number {
  const limits = { minMs: settings.backoffMinMs, maxMs: settings.backoffMaxMs };
  return backoffMs(entry.attempts, limits, spread(draw, entry.attempts));
}

function withCase(
  state: FailureHandlerState,
  address: NodeAddress,
  entry: FailureCase,
): FailureHandlerState {
  return { ...state, cases: withEntries(state.cases, [[address, entry]]) };
}
