import type { NodeAddress } from '@undermoon/cluster-meta';
import { done, refused, type ApplyContext, type StoreStep } from './command.ts';
import { bumpGlobal } from './epoch.ts';
import { withKey, type StoreState } from './model.ts';

/** Reporters remembered per proxy; the one that was silent for the longest time makes room. */
export const REPORTERS_MAX = 64;

/**
 * Notes that a reporter sees a proxy as down. A new pair raises the epoch; a repeated report only renews
 * its time, so that a proxy stays reported for as long as somebody sees it down.
 */
export function reportFailure(
  state: StoreState,
  address: NodeAddress,
  reporterId: string,
  context: ApplyContext,
): StoreStep {
  if (!state.proxies.has(address)) {
    return refused(state, 'PROXY_NOT_FOUND', `proxy ${address} is not registered`);
  }
  const reports = state.failures.get(address) ?? new Map<string, number>();
  const isNew = !reports.has(reporterId);
  if (!isNew && reports.get(reporterId) === context.nowSeconds) return done(state, []);
  const kept = isNew && reports.size >= REPORTERS_MAX ? withoutOldest(reports) : reports;
  const updated = withKey(kept, reporterId, context.nowSeconds);
  const next = { ...state, failures: withKey(state.failures, address, updated) };
  return done(isNew ? bumpGlobal(next) : next, []);
}

/** Drops what one reporter said about a proxy: it answers again. As when a report expires, the epoch stays. */
export function withdrawReport(
  state: StoreState,
  address: NodeAddress,
  reporterId: string,
): StoreStep {
  if (!state.proxies.has(address)) {
    return refused(state, 'PROXY_NOT_FOUND', `proxy ${address} is not registered`);
  }
  const reports = state.failures.get(address);
  if (reports === undefined || !reports.has(reporterId)) return done(state, []);
  const left = withKey(reports, reporterId, null);
  const failures = withKey(state.failures, address, left.size === 0 ? null : left);
  return done({ ...state, failures }, []);
}

/** Drops reports past their time. Returns the same state when there are none. */
export function purgeFailures(state: StoreState, context: ApplyContext): StoreState {
  let failures: Map<NodeAddress, ReadonlyMap<string, number>> | null = null;
  for (const [address, reports] of state.failures) {
    const live = new Map([...reports].filter(([, time]) => !isExpired(time, context)));
    if (live.size === reports.size && live.size > 0) continue;
    failures ??= new Map(state.failures);
    if (live.size === 0) failures.delete(address);
    else failures.set(address, live);
  }
  return failures === null ? state : { ...state, failures };
}

/** Whether a report has expired that is still stored. */
export function hasExpiredReports(state: StoreState, context: ApplyContext): boolean {
  return purgeFailures(state, context) !== state;
}

/** Registered proxies that enough reporters see as down, sorted. */
export function reportedProxies(state: StoreState, context: ApplyContext): NodeAddress[] {
  const addresses = [...state.failures.keys()].filter((address) => state.proxies.has(address));
  return addresses.filter((address) => isReported(state, address, context)).toSorted();
}

/** Whether enough reporters see the proxy as down. */
export function isReported(
  state: StoreState,
  address: NodeAddress,
  context: ApplyContext,
): boolean {
  let live = 0;
  for (const time of state.failures.get(address)?.values() ?? []) {
    if (!isExpired(time, context)) live++;
  }
  return live > 0 && live >= context.failureQuorum;
}

/** Whether the proxy was failed over, or enough reporters see it as down. */
export function isDown(state: StoreState, address: NodeAddress, context: ApplyContext): boolean {
  return state.failedProxies.has(address) || isReported(state, address, context);
}

/** The state without any report about the proxy. */
export function dropReports(state: StoreState, address: NodeAddress): StoreState {
  if (!state.failures.has(address)) return state;
  return { ...state, failures: withKey(state.failures, address, null) };
}

/** The state with the proxy in the set of failed ones, or not. */
export function markFailed(state: StoreState, address: NodeAddress, isFailed: boolean): StoreState {
  if (state.failedProxies.has(address) === isFailed) return state;
  const failedProxies = new Set(state.failedProxies);
  if (isFailed) failedProxies.add(address);
  else failedProxies.delete(address);
  return { ...state, failedProxies };
}

// A time far in the future was written under another clock and would otherwise never expire.
function isExpired(time: number, context: ApplyContext): boolean {
  return Math.abs(context.nowSeconds - time) >= context.failureTtlSeconds;
}

function withoutOldest(reports: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const byAge = [...reports].toSorted(([, left], [, right]) => left - right);
  return new Map(byAge.slice(1));
}
