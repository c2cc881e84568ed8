// What is due now in each slice of the state, and how steps of slices are put together.

import type { NodeAddress } from '@undermoon/cluster-meta';
import type { Step } from '@undermoon/runtime';
import * as view from './broker-view.ts';
import * as watching from './broker-watch.ts';
import * as detector from './detector.ts';
import type { CoordinatorEffect } from './effect.ts';
import * as epochs from './epoch-recovery.ts';
import type { CoordinatorEvent } from './event.ts';
import * as failures from './failure-handler.ts';
import * as sync from './meta-sync.ts';
import * as migrations from './migration-sync.ts';
import * as withdrawals from './report-withdrawal.ts';
import { dueJobs, jittered, newJob, retarget, spread, withEntries } from './schedule.ts';
import * as servers from './server-watch.ts';
import type { CoordinatorState } from './state.ts';

/** A step of the whole. */
export type CoordinatorStep = Step<CoordinatorState, CoordinatorEffect>;

/** Reads from the broker that are due. */
export function planBrokerReads(state: CoordinatorState, event: CoordinatorEvent): CoordinatorStep {
  const moment = { at: event.at, draw: event.draw, isWatching: state.watch.isWatching };
  return lift(state, 'broker', view.planReads(state.broker, state.settings, moment));
}

/** The watch, when it is due. */
export function planWatch(state: CoordinatorState, at: number): CoordinatorStep {
  return lift(state, 'watch', watching.planWatch(state.watch, state.settings, at));
}

/** Live proxies whose turn it is to be asked for their epoch and finished migrations. */
export function planInspections(state: CoordinatorState, event: CoordinatorEvent): CoordinatorStep {
  const { settings } = state;
  const due = dueJobs(state.inspections, event.at, settings.inspectionsMax, (address) =>
    detector.isAlive(state.detector, address),
  );
  let nextInspectionId = state.nextInspectionId;
  const effects: CoordinatorEffect[] = [];
  const entries = due.map((address, index) => {
    const id = nextInspectionId;
    nextInspectionId += 1;
    effects.push({ kind: 'inspect', id, address });
    const nextAt = event.at + jittered(settings.tickMs, spread(event.draw, index));
    return [address, { runningId: id, startedAt: event.at, nextAt }] as const;
  });
  return {
    state: {
      ...state,
      nextInspectionId,
      inspections: withEntries(state.inspections, entries),
    },
    effects,
  };
}

/** Reports that are to be taken back. */
export function planWithdrawals(state: CoordinatorState, at: number): CoordinatorStep {
  const proxies = {
    isAlive: (address: NodeAddress) => detector.isAlive(state.detector, address),
    isReported: (address: NodeAddress) => isReported(state, address),
  };
  return lift(
    state,
    'withdrawals',
    withdrawals.planWithdrawals(state.withdrawals, state.settings, proxies, at),
  );
}

/** Whether this coordinator reported the proxy: it does not answer, or a Redis master beside it does not. */
export function isReported(state: CoordinatorState, address: NodeAddress): boolean {
  return detector.isReported(state.detector, address) || servers.isReported(state.servers, address);
}

/** Failovers that are due. */
export function planFailovers(state: CoordinatorState, at: number): CoordinatorStep {
  // Reports and failovers need a coordinator that trusts itself.
  const isTrusting = !detector.isSuspended(state.detector);
  const conditions: failures.FailureConditions = {
    unreplaced: view.unreplacedProxies(state.broker),
    isDown: (address) => isTrusting && isReported(state, address),
    missAgeMs: (address) =>
      Math.min(
        detector.missAgeMs(state.detector, address, at),
        servers.sightAgeMs(state.servers, address, at),
      ),
    isHeld: (address) => isHeld(state, address),
  };
  return lift(
    state,
    'failures',
    failures.planFailovers(state.failures, state.settings, conditions, at),
  );
}

/** Commits that are due. */
export function planCommits(state: CoordinatorState, at: number): CoordinatorStep {
  const planned = migrations.planCommits(
    state.migrations,
    state.settings,
    (task) => state.epochs.heldClusters.has(task.clusterName),
    at,
  );
  return lift(state, 'migrations', planned);
}

/** Pushes that are due. */
export function planPushes(state: CoordinatorState, at: number): CoordinatorStep {
  const conditions: sync.PushConditions = {
    isAlive: (address) => detector.isAlive(state.detector, address),
    isHeld: (address) => isHeld(state, address),
  };
  return lift(state, 'sync', sync.planPushes(state.sync, state.settings, conditions, at));
}

function isHeld(state: CoordinatorState, address: NodeAddress): boolean {
  const name = state.broker.clusterOf.get(address) ?? null;
  return epochs.isHeldBack(state.epochs, address, name);
}

/** Lets all slices follow the set of known proxies. */
export function retargetAll(state: CoordinatorState, at: number): CoordinatorStep {
  const addresses = view.knownProxies(state.broker);
  const kept = sync.keepProxies(state.sync, addresses);
  const inspections = retarget(state.inspections, addresses, () => newJob(at));
  return {
    state: {
      ...state,
      sync: kept.state,
      inspections: inspections.map,
      inspectionMisses: retarget(state.inspectionMisses, addresses, () => 0).map,
      servers: servers.keepServers(state.servers, addresses),
      withdrawals: withdrawals.keepWithdrawals(state.withdrawals, addresses),
      detector: detector.watch(state.detector, addresses, state.broker.failed, at),
      epochs: epochs.watchEpochs(state.epochs, addresses),
    },
    effects: kept.gone.map((address) => ({ kind: 'forget', address })),
  };
}

/** A step without effects. */
export function quiet(state: CoordinatorState): CoordinatorStep {
  return { state, effects: [] };
}

/** The state with another detector. */
export function withDetector(
  state: CoordinatorState,
  next: detector.DetectorState,
): CoordinatorState {
  return { ...state, detector: next };
}

type Slice =
  | 'broker'
  | 'watch'
  | 'detector'
  | 'servers'
  | 'withdrawals'
  | 'sync'
  | 'migrations'
  | 'failures'
  | 'epochs';

/** A slice's step as a step of the whole. */
export function lift<K extends Slice>(
  state: CoordinatorState,
  slice: K,
  part: Step<CoordinatorState[K], CoordinatorEffect>,
): CoordinatorStep {
  return { state: { ...state, [slice]: part.state }, effects: part.effects };
}

/** One step after another. */
export function andThen(
  before: CoordinatorStep,
  next: (state: CoordinatorState) => CoordinatorStep,
): CoordinatorStep {
  const after = next(before.state);
  return { state: after.state, effects: [...before.effects, ...after.effects] };
}
