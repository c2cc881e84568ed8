// Proxies that know a higher epoch than the broker: its store was restored from an older copy, or the proxy
// belongs to somebody else. Such a proxy refuses all we send, silently. It is held back and an alarm is
// raised; when it is half of its cluster or more, the whole cluster is held back, because an old document
// would be taken by those members that have restarted, and slots would have two owners.

import type { ClusterName, Epoch, NodeAddress } from '@undermoon/cluster-meta';
import type { Step } from '@undermoon/runtime';
import type { CoordinatorEffect } from './effect.ts';
import { notify } from './effect.ts';
import { retarget, withEntries } from './schedule.ts';
import type { CoordinatorSettings } from './settings.ts';

export interface EpochWatchState {
  /** What each proxy told last, and when it was asked. */
  readonly seen: ReadonlyMap<
    NodeAddress,
    { readonly epoch: Epoch; readonly askedAt: number } | null
  >;
  readonly ahead: ReadonlySet<NodeAddress>;
  readonly heldClusters: ReadonlySet<ClusterName>;
  readonly nextRecoveryAt: number;
}

type EpochStep = Step<EpochWatchState, CoordinatorEffect>;

/** Nothing known. */
export function newEpochWatch(): EpochWatchState {
  return { seen: new Map(), ahead: new Set(), heldClusters: new Set(), nextRecoveryAt: -Infinity };
}

/** Watches exactly these proxies. */
export function watchEpochs(
  state: EpochWatchState,
  addresses: ReadonlySet<NodeAddress>,
): EpochWatchState {
  const { map, gone } = retarget(state.seen, addresses, () => null);
  if (map === state.seen) return state;
  const ahead = new Set([...state.ahead].filter((address) => !gone.includes(address)));
  return { ...state, seen: map, ahead };
}

/** Takes the epoch that a proxy told when asked at `askedAt`. One it has had before keeps its earlier time. */
export function sawEpoch(
  state: EpochWatchState,
  address: NodeAddress,
  epoch: Epoch,
  askedAt: number,
): EpochWatchState {
  const known = state.seen.get(address);
  if (known === undefined || known?.epoch === epoch) return state;
  return { ...state, seen: withEntries(state.seen, [[address, { epoch, askedAt }]]) };
}

/**
 * Judges all proxies against the broker's epoch. Only what a proxy told before the broker was asked
 * counts: later answers may be newer because somebody has just pushed something newer.
 */
export function judgeEpochs(
  state: EpochWatchState,
  broker: { readonly epoch: Epoch; readonly askedAt: number },
  members: ReadonlyMap<ClusterName, readonly NodeAddress[]>,
): EpochStep {
  const ahead = new Set<NodeAddress>();
  const effects: CoordinatorEffect[] = [];
  for (const [address, entry] of state.seen) {
    if (entry === null) continue;
    const wasAhead = state.ahead.has(address);
    const isJudged = entry.askedAt < broker.askedAt;
    const isAhead = isJudged ? entry.epoch > broker.epoch : wasAhead;
    if (isAhead) ahead.add(address);
    if (isAhead === wasAhead) continue;
    const { epoch: proxyEpoch } = entry;
    effects.push(
      notify(
        isAhead
          ? { kind: 'epoch-ahead', address, proxyEpoch, brokerEpoch: broker.epoch }
          : { kind: 'epoch-caught-up', address },
      ),
    );
  }
  const heldClusters = new Set<ClusterName>();
  for (const [name, addresses] of members) {
    const told = addresses.filter((address) => (state.seen.get(address)?.epoch ?? 0) > 0);
    const aheadCount = told.filter((address) => ahead.has(address)).length;
    if (aheadCount > 0 && 2 * aheadCount >= told.length) heldClusters.add(name);
  }
  return { state: { ...state, ahead, heldClusters }, effects };
}

/** Asks the broker to recover, if that is wanted and needed, and not again before `backoffMaxMs`. */
export function planRecovery(
  state: EpochWatchState,
  settings: CoordinatorSettings,
  at: number,
): EpochStep {
  const isDue =
    settings.isEpochRecoveryAutomatic && state.ahead.size > 0 && state.nextRecoveryAt <= at;
  if (!isDue) return { state, effects: [] };
  return {
    state: { ...state, nextRecoveryAt: at + settings.backoffMaxMs },
    effects: [{ kind: 'recover-epochs' }],
  };
}

/** Whether decisions about this proxy are held back. */
export function isHeldBack(
  state: EpochWatchState,
  address: NodeAddress,
  clusterName: ClusterName | null,
): boolean {
  return state.ahead.has(address) || (clusterName !== null && state.heldClusters.has(clusterName));
}
