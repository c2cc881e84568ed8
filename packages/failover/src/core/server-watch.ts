// Redis masters that a living proxy cannot reach. What counts is what the proxy itself says with each inspection: since
// when it misses a server, and whether there was a complete copy of it. A case is about one proxy, and is judged anew
// with each inspection of it:
//
//   state      no master missed,      missed for less      missed for long, and   missed for long, and each
//              or nothing told        than the limit       a copy is not sure     master has a sure copy
//   (none)     -                      missed               withheld               reported
//   missed     closed                 missed               withheld               reported
//   withheld   closed                 missed               withheld               reported
//   reported   closed, withdrawn      missed, withdrawn    withheld, withdrawn    reported; every
//                                                                                 `reportIntervalMs` a report
//
// A report stands for "its partner can take over": as soon as that is in doubt it is taken back, since the broker fails
// nothing over to a proxy that is reported.
//
// Time during which the coordinator doubts itself does not count: while masters of most proxies are missed at once (the
// brake), while most proxies or the broker do not answer, or while this process stood still.

import type { NodeAddress } from '@undermoon/cluster-meta';
import type { Step } from '@undermoon/runtime';
import type { CoordinatorEffect } from './effect.ts';
import { notify } from './effect.ts';
import { withEntries } from './schedule.ts';
import type { ServerSight } from './server-sight.ts';
import type { CoordinatorSettings } from './settings.ts';
import type { WithheldReason } from './withheld-reason.ts';

/** A proxy that cannot reach a master. */
export type ServerCase = {
  readonly node: NodeAddress;
  /** When this coordinator heard of it first, and last. */
  readonly firstSeenAt: number;
  readonly seenAt: number;
} & (
  | { readonly kind: 'missed' }
  | { readonly kind: 'withheld'; readonly reason: WithheldReason }
  | {
      readonly kind: 'reported';
      readonly nextReportAt: number;
      /** A report has reached the broker. */
      readonly isAcknowledged: boolean;
    }
);

export interface ServerWatchState {
  /** What each proxy said last. */
  readonly sights: ReadonlyMap<NodeAddress, ProxySight>;
  readonly cases: ReadonlyMap<NodeAddress, ServerCase>;
  readonly isBraking: boolean;
  /** Time before this does not count. Infinity: the watch has not begun. */
  readonly trustedSince: number;
}

interface ProxySight {
  readonly at: number;
  readonly servers: readonly ServerSight[];
}

/** A master by the broker's document, and the replica that would take its place. */
export interface WatchedMaster {
  readonly node: NodeAddress;
  readonly replica: { readonly node: NodeAddress; readonly proxy: NodeAddress } | null;
}

/** What the judgement depends on besides the sights. */
export interface ServerConditions {
  readonly mastersOf: (proxy: NodeAddress) => readonly WatchedMaster[];
  readonly isAlive: (proxy: NodeAddress) => boolean;
  readonly isMarkedFailed: (proxy: NodeAddress) => boolean;
}

/** Proxies with masters, and those of them that fail in whatever way. */
export interface ServingCount {
  readonly targets: number;
  readonly failing: number;
}

type WatchStep = Step<ServerWatchState, CoordinatorEffect>;

/** A sight older than so many rounds says nothing about now. */
const SIGHT_ROUNDS_MAX = 3;

/** Nothing seen. */
export function newServerWatch(): ServerWatchState {
  return { sights: new Map(), cases: new Map(), isBraking: false, trustedSince: Infinity };
}

/** This coordinator has reported the proxy for a dead server. */
export function isReported(state: ServerWatchState, proxy: NodeAddress): boolean {
  return state.cases.get(proxy)?.kind === 'reported';
}

/** How long ago a reported proxy said last that it misses a master; Infinity for others. */
export function sightAgeMs(state: ServerWatchState, proxy: NodeAddress, at: number): number {
  const entry = state.cases.get(proxy);
  return entry?.kind === 'reported' ? at - entry.seenAt : Infinity;
}

/** Forgets proxies that are not known any more. */
export function keepServers(
  state: ServerWatchState,
  known: ReadonlySet<NodeAddress>,
): ServerWatchState {
  if (![...state.sights.keys()].some((proxy) => !known.has(proxy))) return state;
  const sights = new Map([...state.sights].filter(([proxy]) => known.has(proxy)));
  const cases = new Map([...state.cases].filter(([proxy]) => known.has(proxy)));
  return { ...state, sights, cases };
}

/** Time up to now does not count. */
export function distrustPast(state: ServerWatchState, at: number): ServerWatchState {
  return { ...state, trustedSince: at };
}

/** Sets or releases the brake; `count` is asked for when there are cases only. */
export function reviewServers(
  state: ServerWatchState,
  settings: CoordinatorSettings,
  { isSuspended, count }: { readonly isSuspended: boolean; readonly count: () => ServingCount },
  at: number,
): WatchStep {
  const { targets, failing } = state.cases.size === 0 ? { targets: 0, failing: 0 } : count();
  const isBraking =
    failing >= settings.massFailureMin && failing > targets * settings.massFailureRatio;
  const isDoubtful = isBraking || isSuspended || state.trustedSince === Infinity;
  const isSame = isBraking === state.isBraking;
  if (isSame && !isDoubtful) return { state, effects: [] };
  const trustedSince = isDoubtful ? at : state.trustedSince;
  const kind = isBraking ? 'server-brake-set' : 'server-brake-released';
  const effects = isSame ? [] : [notify({ kind, failing, targets })];
  return { state: { ...state, isBraking, trustedSince }, effects };
}

/** Takes what a proxy says about its servers, null when it says nothing, and judges it. */
export function tookSight(
  state: ServerWatchState,
  settings: CoordinatorSettings,
  conditions: ServerConditions,
  told: {
    readonly proxy: NodeAddress;
    readonly servers: readonly ServerSight[] | null;
    readonly at: number;
  },
): WatchStep {
  const { proxy, at } = told;
  const servers = told.servers ?? [];
  const seen = { ...state, sights: withEntries(state.sights, [[proxy, { at, servers }]]) };
  const before = state.cases.get(proxy);
  const isQuiet = servers.every(({ missedMs }) => missedMs === 0);
  if (isQuiet && before === undefined) return { state: seen, effects: [] };
  const lost = settings.redisDownMs === 0 ? null : lostMaster(conditions, proxy, servers);
  if (lost === null) return closed(seen, proxy, servers);
  const isKnown = before?.node === lost.node;
  const base = { node: lost.node, firstSeenAt: isKnown ? before.firstSeenAt : at, seenAt: at };
  const missedMs = Math.min(lost.missedMs, at - state.trustedSince);
  // After a round everybody else's servers have been heard of, too.
  const isLong = missedMs >= settings.redisDownMs && at - base.firstSeenAt >= settings.tickMs;
  if (!isLong || conditions.isMarkedFailed(proxy)) {
    const { node } = lost;
    const notice = notify({ kind: 'server-missed', address: proxy, node });
    return withCase(seen, proxy, { ...base, kind: 'missed' }, isKnown ? [] : [notice]);
  }
  const reason = hindrance(seen, settings, conditions, { proxy, at });
  return reason === null
    ? reported(seen, settings, { proxy, at }, base)
    : withheld(seen, proxy, { ...base, kind: 'withheld', reason });
}

/** The broker took the report. */
export function serverReportDone(state: ServerWatchState, proxy: NodeAddress): WatchStep {
  const entry = state.cases.get(proxy);
  if (entry?.kind !== 'reported' || entry.isAcknowledged) return { state, effects: [] };
  const notice = notify({ kind: 'server-reported', address: proxy, node: entry.node });
  return withCase(state, proxy, { ...entry, isAcknowledged: true }, [notice]);
}

/** The report did not arrive: again after a tick. */
export function serverReportFailed(
  state: ServerWatchState,
  settings: CoordinatorSettings,
  report: { readonly address: NodeAddress; readonly code: string; readonly at: number },
): WatchStep {
  const { address, code, at } = report;
  const entry = state.cases.get(address);
  if (entry?.kind !== 'reported') return { state, effects: [] };
  const notice = notify({ kind: 'report-failed', address, code });
  return withCase(state, address, { ...entry, nextReportAt: at + settings.tickMs }, [notice]);
}

/** The master of this proxy, by the broker's document, that the proxy has missed for the longest time. */
function lostMaster(
  conditions: ServerConditions,
  proxy: NodeAddress,
  servers: readonly ServerSight[],
): ServerSight | null {
  if (!conditions.isAlive(proxy)) return null;
  const masters = conditions.mastersOf(proxy);
  const lost = servers.filter(
    ({ node, missedMs }) => missedMs > 0 && masters.some((master) => master.node === node),
  );
  return lost.toSorted((one, other) => other.missedMs - one.missedMs)[0] ?? null;
}

/** A failover moves all masters of the proxy, so all of them need a copy. Null: nothing is in its way. */
function hindrance(
  state: ServerWatchState,
  settings: CoordinatorSettings,
  conditions: ServerConditions,
  { proxy, at }: { readonly proxy: NodeAddress; readonly at: number },
): WithheldReason | null {
  if (state.isBraking) return 'MASS_FAILURE';
  for (const { node, replica } of conditions.mastersOf(proxy)) {
    const own = state.sights.get(proxy)?.servers.find((server) => server.node === node);
    if (replica === null || own === undefined) return 'COPY_UNKNOWN';
    const isMarked = conditions.isMarkedFailed(replica.proxy);
    if (isMarked || !conditions.isAlive(replica.proxy)) return 'PARTNER_DOWN';
    const partner = state.sights.get(replica.proxy);
    const copy = partner?.servers.find((server) => server.node === replica.node);
    const isFresh = partner !== undefined && at - partner.at <= SIGHT_ROUNDS_MAX * settings.tickMs;
    if (!isFresh || copy?.master !== node) return 'COPY_UNKNOWN';
    if (copy.missedMs > 0) return 'REPLICA_DOWN';
    if (own.copiedMs === null || copy.copiedMs === null) return 'COPY_UNKNOWN';
    // Each proxy counts from when it was asked; what the master had later is lost.
    const completeAt = Math.min(at - own.copiedMs, partner.at - copy.copiedMs);
    if (at - own.missedMs - completeAt > settings.copyGapMs) return 'COPY_OLD';
  }
  return null;
}

function reported(
  state: ServerWatchState,
  settings: CoordinatorSettings,
  { proxy, at }: { readonly proxy: NodeAddress; readonly at: number },
  base: Pick<ServerCase, 'node' | 'firstSeenAt' | 'seenAt'>,
): WatchStep {
  const before = state.cases.get(proxy);
  const known = before?.kind === 'reported' ? before : null;
  const isDue = known === null || known.nextReportAt <= at;
  const nextReportAt = isDue ? at + settings.reportIntervalMs : known.nextReportAt;
  const isAcknowledged = known?.isAcknowledged ?? false;
  const entry: ServerCase = { ...base, kind: 'reported', nextReportAt, isAcknowledged };
  return withCase(state, proxy, entry, isDue ? [{ kind: 'report-failure', address: proxy }] : []);
}

/** Each reason is told once. */
function withheld(
  state: ServerWatchState,
  proxy: NodeAddress,
  entry: Extract<ServerCase, { kind: 'withheld' }>,
): WatchStep {
  const before = state.cases.get(proxy);
  const { node, reason } = entry;
  const isNews = before?.kind !== 'withheld' || before.reason !== reason || before.node !== node;
  const notice = notify({ kind: 'server-failover-withheld', address: proxy, node, reason });
  return withCase(state, proxy, entry, isNews ? [notice] : []);
}

function closed(
  state: ServerWatchState,
  proxy: NodeAddress,
  servers: readonly ServerSight[],
): WatchStep {
  const entry = state.cases.get(proxy);
  if (entry === undefined) return { state, effects: [] };
  const { node } = entry;
  const isReached = servers.some((server) => server.node === node && server.missedMs === 0);
  const cases = new Map(state.cases);
  cases.delete(proxy);
  const notice = notify({ kind: 'server-settled', address: proxy, node, isReached });
  return { state: { ...state, cases }, effects: [notice] };
}

function withCase(
  state: ServerWatchState,
  proxy: NodeAddress,
  entry: ServerCase,
  effects: readonly CoordinatorEffect[],
): WatchStep {
  return { state: { ...state, cases: withEntries(state.cases, [[proxy, entry]]) }, effects };
}
