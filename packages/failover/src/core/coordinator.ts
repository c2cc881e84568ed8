// The coordinator as one reducer: an event in, the next state and effects out. Each concern has a slice of
// the state and a file of its own; this file passes events on and lets the concerns react to each other:
//
//   inventory   -> watched proxies, epoch alarm, failovers
//   documents   -> pushes            inspected -> restarts, pushes, commits, reports
//   watched     -> pushes, and everything read again after a resync
//   report done -> failures read     failover, commit done -> cluster read ahead of the rest -> pushes

import { unreachable } from '@undermoon/runtime';
import * as view from './broker-view.ts';
import * as watching from './broker-watch.ts';
import * as detector from './detector.ts';
import { documentsOf, partnersOf } from './documents.ts';
import type { CoordinatorEffect } from './effect.ts';
import { notify } from './effect.ts';
import * as epochs from './epoch-recovery.ts';
import type { CoordinatorEvent } from './event.ts';
import * as failures from './failure-handler.ts';
import * as sync from './meta-sync.ts';
import * as migrations from './migration-sync.ts';
import { reviewServers } from './plan-servers.ts';
import {
  lift,
  planBrokerReads,
  planCommits,
  planFailovers,
  planInspections,
  planPushes,
  planWatch,
  planWithdrawals,
  quiet,
  retargetAll,
  andThen,
  withDetector,
} from './plan.ts';
import type { CoordinatorStep } from './plan.ts';
import { onInspection } from './on-inspection.ts';
import { onReport, onWithdrawal } from './on-report.ts';
import { openWithdrawal } from './report-withdrawal.ts';
import { distrustPast } from './server-watch.ts';
import { newJob, withEntries } from './schedule.ts';
import type { CoordinatorState } from './state.ts';

type EventOf<K extends CoordinatorEvent['kind']> = Extract<CoordinatorEvent, { kind: K }>;

const RANK_FREE = 1;

/** Takes one event. Effects are to be started in order; none has to wait for the one before. */
export function step(state: CoordinatorState, event: CoordinatorEvent): CoordinatorStep {
  switch (event.kind) {
    case 'tick':
      return onTick(state, event);
    case 'brokers-changed':
      return andThen(
        quiet({
          ...state,
          broker: view.brokersChanged(state.broker),
          watch: watching.restartWatch(state.watch),
          sync: sync.dropWanted(state.sync),
        }),
        (next) => andThen(planBrokerReads(next, event), (last) => planWatch(last, event.at)),
      );
    case 'probe-answered':
    case 'probe-failed':
      return onProbe(state, event);
    case 'inspected':
    case 'inspection-failed':
      return onInspection(state, event);
    case 'pushed':
    case 'push-failed':
      return onPush(state, event);
    case 'inventory':
    case 'inventory-failed':
      return onInventory(state, event);
    case 'failures':
      return andThen(
        quiet({ ...state, failures: failures.confirmFailures(state.failures, event.addresses) }),
        (next) => planFailovers(next, event.at),
      );
    case 'documents':
    case 'documents-failed':
    case 'free-documents':
      return onDocuments(state, event);
    case 'cluster-document':
      return onCluster(state, event);
    case 'proxy-document':
      return onProxyDocument(state, event);
    case 'watched':
    case 'watch-failed':
      return onWatch(state, event);
    case 'report-done':
    case 'report-failed':
      return onReport(state, event);
    case 'withdrawal-done':
    case 'withdrawal-failed':
      return onWithdrawal(state, event);
    case 'failover-done':
    case 'failover-failed':
      return onFailover(state, event);
    case 'commit-done':
    case 'commit-failed':
      return onCommit(state, event);
    case 'recovery-done': {
      const notice = notify({ kind: 'epoch-recovery', code: event.code });
      return { state: { ...state, broker: view.forgetEpoch(state.broker) }, effects: [notice] };
    }
    case 'read-failed': {
      const notice = notify({ kind: 'broker-read-failed', what: event.what, code: event.code });
      // One that is still needed is read again after the next inspection of its proxy.
      const broker = event.what === 'read-proxy' ? state.broker : view.forgetEpoch(state.broker);
      return { state: { ...state, broker }, effects: [notice] };
    }
    default:
      return unreachable(event);
  }
}

function onTick(state: CoordinatorState, event: EventOf<'tick'>): CoordinatorStep {
  const { settings } = state;
  const lateMs = state.lastTickAt === null ? 0 : event.at - state.lastTickAt;
  let next: CoordinatorState = { ...state, lastTickAt: event.at };
  const effects: CoordinatorEffect[] = [];
  if (lateMs > settings.stallMs) {
    effects.push(notify({ kind: 'stalled', lateMs: Math.round(lateMs) }));
    next = withDetector(next, detector.distrustRunningProbes(next.detector, event.at));
    next = { ...next, servers: distrustPast(next.servers, event.at) };
  }
  return [
    (from: CoordinatorState) => planBrokerReads(from, event),
    (from: CoordinatorState) => planWatch(from, event.at),
    (from: CoordinatorState) =>
      lift(from, 'detector', detector.planReports(from.detector, settings, event.at)),
    (from: CoordinatorState) => reviewServers(from, event.at),
    (from: CoordinatorState) =>
      lift(from, 'detector', detector.planProbes(from.detector, settings, event)),
    (from: CoordinatorState) => planWithdrawals(from, event.at),
    (from: CoordinatorState) => planInspections(from, event),
    (from: CoordinatorState) => planFailovers(from, event.at),
    (from: CoordinatorState) => planCommits(from, event.at),
    (from: CoordinatorState) => planPushes(from, event.at),
    (from: CoordinatorState) =>
      lift(from, 'epochs', epochs.planRecovery(from.epochs, settings, event.at)),
  ].reduce<CoordinatorStep>(andThen, { state: next, effects });
}

function onProbe(
  state: CoordinatorState,
  event: EventOf<'probe-answered' | 'probe-failed'>,
): CoordinatorStep {
  const { settings } = state;
  if (event.kind === 'probe-failed') {
    // The tick that would have told of a standstill may come after the probes' time limits.
    const isStalled = state.lastTickAt !== null && event.at - state.lastTickAt > settings.stallMs;
    const trusted = isStalled
      ? detector.distrustRunningProbes(state.detector, event.at)
      : state.detector;
    const missed = detector.probeFailed(trusted, settings, event, event.at);
    const reported = lift(state, 'detector', detector.planReports(missed, settings, event.at));
    return andThen(reported, (next) => planFailovers(next, event.at));
  }
  const wasAlive = detector.isAlive(state.detector, event.address);
  const wasReported = detector.isReported(state.detector, event.address);
  const answered = lift(state, 'detector', detector.probeAnswered(state.detector, event, event.at));
  if (wasAlive || !detector.isAlive(answered.state.detector, event.address)) return answered;
  return andThen(answered, (next) => {
    const job = next.inspections.get(event.address);
    const soon = job?.runningId === null ? [[event.address, newJob(event.at)] as const] : [];
    const { withdrawals } = next;
    const hurried = {
      ...next,
      withdrawals: wasReported ? openWithdrawal(withdrawals, event.address, event.at) : withdrawals,
      sync: sync.hurry(next.sync, event.address),
      inspections: withEntries(next.inspections, soon),
    };
    const withdrawn = planWithdrawals(hurried, event.at);
    const inspected = andThen(withdrawn, (last) => planInspections(last, event));
    return andThen(inspected, (last) => planPushes(last, event.at));
  });
}

function onPush(
  state: CoordinatorState,
  event: EventOf<'pushed' | 'push-failed'>,
): CoordinatorStep {
  const done =
    event.kind === 'pushed'
      ? sync.pushDone(state.sync, event)
      : sync.pushFailed(state.sync, state.settings, event);
  return andThen(lift(state, 'sync', done), (next) => planPushes(next, event.at));
}

function onInventory(
  state: CoordinatorState,
  event: EventOf<'inventory' | 'inventory-failed'>,
): CoordinatorStep {
  const slot = state.broker.inventory;
  if (slot.runningId !== event.id) return quiet(state);
  if (event.kind === 'inventory-failed') {
    const missed = lift(state, 'broker', view.missedInventory(state.broker, event.code));
    return andThen(missed, (next) =>
      quiet(withDetector(next, detector.brokerReach(next.detector, true, event.at))),
    );
  }
  const taken = view.tookInventory(state.broker, event);
  const failureState =
    event.failures === null
      ? state.failures
      : failures.confirmFailures(state.failures, event.failures);
  const next: CoordinatorState = {
    ...state,
    broker: taken.state,
    failures: failureState,
    sync: taken.wentBack ? sync.dropWanted(state.sync) : state.sync,
    detector: detector.brokerReach(state.detector, false, event.at),
  };
  const broker = { epoch: event.epoch, askedAt: slot.startedAt };
  return [
    (from: CoordinatorState) => retargetAll(from, event.at),
    (from: CoordinatorState) =>
      lift(from, 'epochs', epochs.judgeEpochs(from.epochs, broker, from.broker.members)),
    (from: CoordinatorState) => planBrokerReads(from, event),
    (from: CoordinatorState) => planFailovers(from, event.at),
  ].reduce<CoordinatorStep>(andThen, { state: next, effects: taken.effects });
}

function onDocuments(
  state: CoordinatorState,
  event: EventOf<'documents' | 'documents-failed' | 'free-documents'>,
): CoordinatorStep {
  const { settings } = state;
  if (state.broker.documents.runningId !== event.id) return quiet(state);
  if (event.kind === 'documents-failed') {
    return lift(state, 'broker', view.missedDocuments(state.broker, settings, event));
  }
  if (event.kind === 'free-documents') {
    const documents = event.documents.map((meta) => ({ meta, rank: RANK_FREE }));
    const next: CoordinatorState = {
      ...state,
      broker: view.tookFreeDocuments(state.broker, settings, event),
      sync: sync.wantDocuments(state.sync, documents, event.at),
    };
    return planPushes(next, event.at);
  }
  const taken = lift(state, 'broker', view.tookDocuments(state.broker, settings, event));
  return andThen(
    andThen(taken, (next) => retargetAll(next, event.at)),
    (next) => {
      const documents = event.clusters.flatMap((cluster) => documentsOf(cluster, []));
      const wanted = sync.wantDocuments(next.sync, documents, event.at);
      return planPushes({ ...next, sync: wanted }, event.at);
    },
  );
}

function onCluster(state: CoordinatorState, event: EventOf<'cluster-document'>): CoordinatorStep {
  const { cluster, first } = event;
  if (cluster === null) return quiet({ ...state, broker: view.forgetEpoch(state.broker) });
  const taken = retargetAll(
    { ...state, broker: view.tookCluster(state.broker, cluster) },
    event.at,
  );
  return andThen(taken, (next) => {
    const wanted = sync.wantDocuments(next.sync, documentsOf(cluster, first), event.at);
    return planPushes({ ...next, sync: wanted }, event.at);
  });
}

function onProxyDocument(
  state: CoordinatorState,
  { document, at }: EventOf<'proxy-document'>,
): CoordinatorStep {
  // A member gets its metadata out of its cluster's document.
  if (document === null || document.clusterName !== null) return quiet(state);
  const wanted = sync.wantDocuments(state.sync, [{ meta: document, rank: RANK_FREE }], at);
  return planPushes({ ...state, sync: wanted }, at);
}

function onWatch(
  state: CoordinatorState,
  event: EventOf<'watched' | 'watch-failed'>,
): CoordinatorStep {
  const { settings, watch } = state;
  if (watch.runningId !== event.id) return quiet(state);
  if (event.kind === 'watch-failed') {
    return lift(state, 'watch', watching.missedWatch(watch, settings, event));
  }
  const isAllRead = watching.needsFullRead(watch.cursor, state.broker.epoch, event);
  const isGapless = !isAllRead && !event.isResync;
  const taken = andThen(lift(state, 'watch', watching.tookWatch(watch, event)), (next) =>
    planWatch(next, event.at),
  );
  const seen = view.tookChanges(taken.state.broker, { ...event, isGapless });
  const broker = isAllRead ? view.forgetEpoch(seen) : seen;
  return [
    (from: CoordinatorState) => retargetAll({ ...from, broker }, event.at),
    (from: CoordinatorState) => {
      const free = event.freeProxies.map((meta) => ({ meta, rank: RANK_FREE }));
      const members = event.clusters.flatMap((cluster) => documentsOf(cluster, []));
      const wanted = sync.wantDocuments(from.sync, [...members, ...free], event.at);
      return planPushes({ ...from, sync: wanted }, event.at);
    },
    (from: CoordinatorState) => planInspections(from, event),
    (from: CoordinatorState) => planBrokerReads(from, event),
  ].reduce<CoordinatorStep>(andThen, taken);
}

function onFailover(
  state: CoordinatorState,
  event: EventOf<'failover-done' | 'failover-failed'>,
): CoordinatorStep {
  const running = state.failures.cases.get(event.address)?.runningId ?? null;
  if (running !== event.id) return quiet(state);
  const done =
    event.kind === 'failover-done'
      ? failures.failoverDone(state.failures, state.settings, event)
      : failures.failoverFailed(state.failures, state.settings, event);
  // Even a refusal may have changed roles: without a spare, the partner still takes over.
  const lifted = lift(state, 'failures', done);
  const name = state.broker.clusterOf.get(event.address);
  const cluster = name === undefined ? undefined : state.broker.clusters.get(name);
  const { broker, watch } = lifted.state;
  const next = {
    ...lifted.state,
    broker: watch.isWatching ? view.recheck(broker) : view.forgetEpoch(broker),
  };
  const reads: CoordinatorEffect[] =
    cluster === undefined
      ? []
      : [
          {
            kind: 'read-cluster',
            name: cluster.name,
            first: partnersOf(cluster, event.address),
          },
        ];
  const effects = [...lifted.effects, ...reads];
  return andThen({ state: next, effects }, (from) => planBrokerReads(from, event));
}

function onCommit(
  state: CoordinatorState,
  event: EventOf<'commit-done' | 'commit-failed'>,
): CoordinatorStep {
  const done =
    event.kind === 'commit-done'
      ? migrations.commitDone(state.migrations, state.settings, event)
      : migrations.commitFailed(state.migrations, state.settings, event);
  return andThen(lift(state, 'migrations', done), (next) => planCommits(next, event.at));
}
