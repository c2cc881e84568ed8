// The watch of the Redis servers as a part of the whole: what it needs to know, and what follows from it.

import type { NodeAddress } from '@undermoon/cluster-meta';
import * as detector from './detector.ts';
import { isServing, servingMastersOf } from './documents.ts';
import type { CoordinatorEvent } from './event.ts';
import { andThen, lift, planFailovers, planWithdrawals } from './plan.ts';
import type { CoordinatorStep } from './plan.ts';
import { openWithdrawal } from './report-withdrawal.ts';
import * as servers from './server-watch.ts';
import type { CoordinatorState } from './state.ts';

type Inspection = Extract<CoordinatorEvent, { kind: 'inspected' | 'inspection-failed' }>;

/** Looks whether the coordinator still trusts what proxies say about their servers. */
export function reviewServers(state: CoordinatorState, at: number): CoordinatorStep {
  const doubts = {
    isSuspended: detector.isSuspended(state.detector),
    count: () => countServing(state),
  };
  return lift(state, 'servers', servers.reviewServers(state.servers, state.settings, doubts, at));
}

/** Judges a proxy by what it said about its servers. */
export function judgeServers(state: CoordinatorState, event: Inspection): CoordinatorStep {
  const { address: proxy, at } = event;
  const { broker } = state;
  const conditions: servers.ServerConditions = {
    mastersOf: (address) => mastersOf(state, address),
    isAlive: (address) => detector.isAlive(state.detector, address),
    isMarkedFailed: (address) => broker.failed.has(address),
  };
  const told = { proxy, servers: event.kind === 'inspected' ? event.servers : null, at };
  const wasReported = servers.isReported(state.servers, proxy);
  const judged = lift(
    state,
    'servers',
    servers.tookSight(state.servers, state.settings, conditions, told),
  );
  const isReported = servers.isReported(judged.state.servers, proxy);
  if (!wasReported && !isReported) return judged;
  if (isReported) return andThen(judged, (next) => planFailovers(next, at));
  return andThen(judged, (next) => {
    const withdrawals = openWithdrawal(next.withdrawals, proxy, at);
    return planWithdrawals({ ...next, withdrawals }, at);
  });
}

function mastersOf(
  { broker }: CoordinatorState,
  address: NodeAddress,
): readonly servers.WatchedMaster[] {
  const name = broker.clusterOf.get(address);
  const cluster = name === undefined ? undefined : broker.clusters.get(name);
  return cluster === undefined ? [] : servingMastersOf(cluster, address);
}

/** Of the proxies with masters, those fail that do not answer or cannot reach one; marked ones are old news. */
function countServing(state: CoordinatorState): servers.ServingCount {
  const serving = new Set<NodeAddress>();
  for (const { nodes } of state.broker.clusters.values()) {
    for (const node of nodes) if (isServing(node)) serving.add(node.proxyAddress);
  }
  let targets = 0;
  let failing = 0;
  for (const address of serving) {
    if (state.broker.failed.has(address)) continue;
    targets += 1;
    const isFailing =
      state.servers.cases.has(address) || detector.isUnanswered(state.detector, address);
    if (isFailing) failing += 1;
  }
  return { targets, failing };
}
