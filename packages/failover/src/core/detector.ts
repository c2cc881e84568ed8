// Health of one proxy. A miss counts only when it lies `missSpacingMs` after the one before, so that one
// lost connection with several probes in flight is one piece of evidence. Any answer makes it alive.
//
//   state     answer   miss                        brake released   marked failed    mark taken away
//   unknown   alive    suspect (1)                 -                -                unknown
//   alive     alive    suspect (1)                 -                -                -
//   suspect   alive    suspect (n+1); at           suspect (0)      reported,        unknown
//                      `missesToReport` (four                       without a
//                      times as many if it never                    report
//                      answered): reported
//   reported  alive    reported; every             -                -                unknown
//                      `reportIntervalMs` a
//                      report
//
// The broker takes a mark away when the proxy is registered again. What was seen before says nothing about the
// process that was registered, so it is watched like a new one.
//
// The last step of `suspect` is suspended while the coordinator doubts itself: when most targets fail at
// once (the brake), or while the broker is unreachable. Afterwards the misses are counted anew.

import type { NodeAddress } from '@undermoon/cluster-meta';
import type { Step } from '@undermoon/runtime';
import type { CoordinatorEffect } from './effect.ts';
import { notify } from './effect.ts';
import type { Moment } from './event.ts';
import { jittered, retarget, spread, withEntries } from './schedule.ts';
import type { CoordinatorSettings } from './settings.ts';

export type Health =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'alive' }
  | { readonly kind: 'suspect'; readonly misses: number; readonly lastMissAt: number }
  | {
      readonly kind: 'reported';
      readonly nextReportAt: number;
      readonly missedAt: number;
      /** A report has reached the broker. */
      readonly isAcknowledged: boolean;
    };

/** One proxy under watch. */
export interface Target {
  readonly health: Health;
  readonly answeredAt: number;
  readonly nextProbeAt: number;
  /** Probes without a result. */
  readonly probes: readonly { readonly id: number; readonly startedAt: number }[];
  /** The broker has it in its list of failed proxies. */
  readonly isMarkedFailed: boolean;
}

export interface DetectorState {
  readonly targets: ReadonlyMap<NodeAddress, Target>;
  /** Most targets fail at once: nothing is reported. */
  readonly isBraking: boolean;
  readonly isBrokerLost: boolean;
  readonly nextId: number;
  /** A probe started before this proves nothing by failing. */
  readonly distrustBefore: number;
}

/** A proxy that has never answered may still be starting: it is given so many times the misses. */
const NEW_PATIENCE = 4;

type DetectorStep = Step<DetectorState, CoordinatorEffect>;

/** A detector without targets. */
export function newDetector(): DetectorState {
  return {
    targets: new Map(),
    isBraking: false,
    isBrokerLost: false,
    nextId: 1,
    distrustBefore: -Infinity,
  };
}

/** Answered its last probe. */
export function isAlive(state: DetectorState, address: NodeAddress): boolean {
  return state.targets.get(address)?.health.kind === 'alive';
}

/** This coordinator has reported it, or holds it for dead because the broker does. */
export function isReported(state: DetectorState, address: NodeAddress): boolean {
  return state.targets.get(address)?.health.kind === 'reported';
}

/** Did not answer its last probe. */
export function isUnanswered(state: DetectorState, address: NodeAddress): boolean {
  const kind = state.targets.get(address)?.health.kind;
  return kind === 'suspect' || kind === 'reported';
}

/** How long ago a reported proxy was last seen dead; Infinity for others. */
export function missAgeMs(state: DetectorState, address: NodeAddress, at: number): number {
  const health = state.targets.get(address)?.health;
  return health?.kind === 'reported' ? at - health.missedAt : Infinity;
}

/** Whether reports and failovers are suspended. */
export function isSuspended(state: DetectorState): boolean {
  return state.isBraking || state.isBrokerLost;
}

/** Watches exactly these proxies. New ones are probed at once. */
export function watch(
  state: DetectorState,
  addresses: ReadonlySet<NodeAddress>,
  failed: ReadonlySet<NodeAddress>,
  at: number,
): DetectorState {
  const { map } = retarget(state.targets, addresses, () => newTarget(at));
  const changed: [NodeAddress, Target][] = [];
  for (const [address, target] of map) {
    const isMarkedFailed = failed.has(address);
    if (isMarkedFailed === target.isMarkedFailed) continue;
    const isForgiven = !isMarkedFailed && target.health.kind !== 'alive';
    changed.push([address, isForgiven ? newTarget(at) : { ...target, isMarkedFailed }]);
  }
  return { ...state, targets: withEntries(map, changed) };
}

/** Starts the probes that are due: those of live proxies first, when the cap is tight. */
export function planProbes(
  state: DetectorState,
  settings: CoordinatorSettings,
  moment: Moment,
): DetectorStep {
  let running = 0;
  const due: [NodeAddress, Target][] = [];
  for (const [address, target] of state.targets) {
    running += target.probes.length;
    const max = target.health.kind === 'reported' ? 1 : settings.probesPerProxyMax;
    if (target.nextProbeAt <= moment.at && target.probes.length < max) due.push([address, target]);
  }
  due.sort((a, b) => urgency(a[1]) - urgency(b[1]));
  const chosen = due.slice(0, Math.max(settings.probesMax - running, 0));
  let nextId = state.nextId;
  const effects: CoordinatorEffect[] = [];
  const entries = chosen.map(([address, target], index): [NodeAddress, Target] => {
    const id = nextId;
    nextId += 1;
    effects.push({ kind: 'probe', id, address });
    const pause = jittered(probePause(target.health, settings), spread(moment.draw, index));
    return [
      address,
      {
        ...target,
        probes: [...target.probes, { id, startedAt: moment.at }],
        nextProbeAt: moment.at + pause,
      },
    ];
  });
  return { state: { ...state, targets: withEntries(state.targets, entries), nextId }, effects };
}

/** Any answer counts, however late, as long as somebody waits for it. */
export function probeAnswered(
  state: DetectorState,
  probe: { readonly id: number; readonly address: NodeAddress },
  at: number,
): DetectorStep {
  const target = state.targets.get(probe.address);
  if (target === undefined || !target.probes.some((entry) => entry.id === probe.id)) {
    return { state, effects: [] };
  }
  const next: Target = {
    ...target,
    health: { kind: 'alive' },
    answeredAt: at,
    probes: target.probes.filter((entry) => entry.id !== probe.id),
  };
  const isReturn =
    target.health.kind === 'reported' || (target.isMarkedFailed && target.health.kind !== 'alive');
  const effects = isReturn
    ? [
        notify({
          kind: 'proxy-returned',
          address: probe.address,
          isMarkedFailed: target.isMarkedFailed,
        }),
      ]
    : [];
  return { state: withTarget(state, probe.address, next), effects };
}

/** Counts a miss, unless something better is known since the probe started. */
export function probeFailed(
  state: DetectorState,
  settings: CoordinatorSettings,
  probe: { readonly id: number; readonly address: NodeAddress },
  at: number,
): DetectorState {
  const target = state.targets.get(probe.address);
  const started = target?.probes.find((entry) => entry.id === probe.id);
  if (target === undefined || started === undefined) return state;
  const probes = target.probes.filter((entry) => entry.id !== probe.id);
  const isVoid = started.startedAt < target.answeredAt || started.startedAt < state.distrustBefore;
  if (isVoid) return withTarget(state, probe.address, { ...target, probes });
  const health = afterMiss(target.health, settings, at);
  const nextProbeAt = Math.min(target.nextProbeAt, at + probePause(health, settings));
  return withTarget(state, probe.address, { ...target, probes, health, nextProbeAt });
}

/** This process stood still: the probes that run now prove nothing by failing. */
export function distrustRunningProbes(state: DetectorState, at: number): DetectorState {
  return { ...state, distrustBefore: at };
}

/** Notes whether the broker answers. When it comes back, misses are counted anew. */
export function brokerReach(
  state: DetectorState,
  isBrokerLost: boolean,
  at: number,
): DetectorState {
  if (isBrokerLost === state.isBrokerLost) return state;
  const next = { ...state, isBrokerLost };
  return isBrokerLost ? next : startAfresh(next, at);
}

/** Sets or releases the brake, then reports those who are due unless reporting is suspended. */
export function planReports(
  state: DetectorState,
  settings: CoordinatorSettings,
  at: number,
): DetectorStep {
  const braked = reviewBrake(state, settings, at);
  const effects = [...braked.effects];
  const changed: [NodeAddress, Target][] = [];
  let room = settings.reportsMax;
  for (const [address, target] of braked.state.targets) {
    const verdict = judge(target, settings, at, isSuspended(braked.state) || room === 0);
    if (verdict === null) continue;
    changed.push([address, { ...target, health: verdict.health }]);
    if (!verdict.isReport) continue;
    room -= 1;
    effects.push({ kind: 'report-failure', address });
  }
  return {
    state: { ...braked.state, targets: withEntries(braked.state.targets, changed) },
    effects,
  };
}

/** The broker took the report. */
export function reportDone(state: DetectorState, address: NodeAddress): DetectorStep {
  const target = state.targets.get(address);
  if (target?.health.kind !== 'reported' || target.health.isAcknowledged) {
    return { state, effects: [] };
  }
  const health = { ...target.health, isAcknowledged: true };
  return {
    state: withTarget(state, address, { ...target, health }),
    effects: [notify({ kind: 'failure-reported', address })],
  };
}

/** The report did not arrive: again after a tick. */
export function reportFailed(
  state: DetectorState,
  settings: CoordinatorSettings,
  report: { readonly address: NodeAddress; readonly code: string },
  at: number,
): DetectorStep {
  const { address, code } = report;
  const target = state.targets.get(address);
  if (target?.health.kind !== 'reported') return { state, effects: [] };
  const health = { ...target.health, nextReportAt: at + settings.tickMs };
  return {
    state: withTarget(state, address, { ...target, health }),
    effects: [notify({ kind: 'report-failed', address, code })],
  };
}

/** A proxy of which nothing is known. Results of probes that were sent before are not waited for. */
function newTarget(at: number): Target {
  return {
    health: { kind: 'unknown' },
    answeredAt: -Infinity,
    nextProbeAt: at,
    probes: [],
    isMarkedFailed: false,
  };
}

function withTarget(state: DetectorState, address: NodeAddress, target: Target): DetectorState {
  return { ...state, targets: withEntries(state.targets, [[address, target]]) };
}

function urgency(target: Target): number {
  return target.health.kind === 'reported' ? 2 : target.health.kind === 'suspect' ? 1 : 0;
}

function probePause(health: Health, settings: CoordinatorSettings): number {
  if (health.kind === 'reported') return settings.tickMs;
  return health.kind === 'suspect' ? settings.suspectIntervalMs : settings.probeIntervalMs;
}

function afterMiss(health: Health, settings: CoordinatorSettings, at: number): Health {
  if (health.kind === 'reported') return { ...health, missedAt: at };
  if (health.kind !== 'suspect') return { kind: 'suspect', misses: 1, lastMissAt: at };
  if (at - health.lastMissAt < settings.missSpacingMs) return health;
  return { kind: 'suspect', misses: health.misses + 1, lastMissAt: at };
}

/** Forgets what was seen in doubtful times: the misses so far, and the probes still under way. */
function startAfresh(state: DetectorState, at: number): DetectorState {
  const changed: [NodeAddress, Target][] = [];
  for (const [address, target] of state.targets) {
    if (target.health.kind === 'suspect') {
      changed.push([address, { ...target, health: { ...target.health, misses: 0 } }]);
    }
  }
  return { ...state, targets: withEntries(state.targets, changed), distrustBefore: at };
}

function reviewBrake(
  state: DetectorState,
  settings: CoordinatorSettings,
  at: number,
): DetectorStep {
  let targets = 0;
  let missing = 0;
  let failing = 0;
  for (const target of state.targets.values()) {
    // The broker has dealt with the marked ones: they are old news, not a sudden loss of most targets.
    if (target.isMarkedFailed) continue;
    targets += 1;
    const isMissing = target.health.kind === 'suspect' || target.health.kind === 'reported';
    if (isMissing) missing += 1;
    if (isMissing || isOverdue(target, settings, at)) failing += 1;
  }
  const isBraking =
    missing > 0 &&
    failing >= settings.massFailureMin &&
    failing > targets * settings.massFailureRatio;
  if (isBraking === state.isBraking) return { state, effects: [] };
  const next = { ...state, isBraking };
  const kind = isBraking ? 'brake-set' : 'brake-released';
  return {
    state: isBraking ? next : startAfresh(next, at),
    effects: [notify({ kind, failing, targets })],
  };
}

/** Has owed an answer for longer than between two probes: no miss yet, but a sign of trouble. */
function isOverdue(target: Target, settings: CoordinatorSettings, at: number): boolean {
  const oldest = target.probes[0];
  if (oldest === undefined) return false;
  return at - Math.max(oldest.startedAt, target.answeredAt) > 1.5 * settings.probeIntervalMs;
}

function judge(
  target: Target,
  settings: CoordinatorSettings,
  at: number,
  isHeld: boolean,
): { readonly health: Health; readonly isReport: boolean } | null {
  const { health, isMarkedFailed } = target;
  const needed = settings.missesToReport * (target.answeredAt === -Infinity ? NEW_PATIENCE : 1);
  const isDead = health.kind === 'suspect' && health.misses >= needed;
  // Repeated only on what was seen just now: it may have returned since the miss before.
  const isDueAgain =
    health.kind === 'reported' &&
    health.nextReportAt <= at &&
    at - health.missedAt < settings.missSpacingMs &&
    !isMarkedFailed;
  if (!isDead && !isDueAgain) return null;
  if (isDead && isMarkedFailed) {
    return {
      health: { kind: 'reported', nextReportAt: at, missedAt: at, isAcknowledged: true },
      isReport: false,
    };
  }
  if (isHeld) return null;
  const nextReportAt = at + settings.reportIntervalMs;
  const isRepeated = health.kind === 'reported';
  const missedAt = isRepeated ? health.missedAt : at;
  const isAcknowledged = isRepeated && health.isAcknowledged;
  return { health: { kind: 'reported', nextReportAt, missedAt, isAcknowledged }, isReport: true };
}
