// Takes reports back about proxies that answer again. The broker keeps a report for a minute: until then it would count
// with one of another coordinator, keep a free proxy from being used, and keep slots from being failed over to it.

import type { NodeAddress } from '@undermoon/cluster-meta';
import type { Step } from '@undermoon/runtime';
import type { CoordinatorEffect } from './effect.ts';
import { withEntries } from './schedule.ts';
import type { CoordinatorSettings } from './settings.ts';

/** A report that the broker may have and should not. */
interface Withdrawal {
  readonly runningId: number | null;
  readonly nextAt: number;
}

export interface WithdrawalState {
  readonly open: ReadonlyMap<NodeAddress, Withdrawal>;
  readonly nextId: number;
}

/** Nothing to take back. */
export function newWithdrawals(): WithdrawalState {
  return { open: new Map(), nextId: 1 };
}

/** The report about this proxy is to be taken back, also if that is under way: another report may have come since. */
export function openWithdrawal(
  state: WithdrawalState,
  address: NodeAddress,
  at: number,
): WithdrawalState {
  return withWithdrawal(state, address, { runningId: null, nextAt: at });
}

/** Forgets proxies that are not known any more. */
export function keepWithdrawals(
  state: WithdrawalState,
  known: ReadonlySet<NodeAddress>,
): WithdrawalState {
  const kept = [...state.open].filter(([address]) => known.has(address));
  return kept.length === state.open.size ? state : { ...state, open: new Map(kept) };
}

/** Takes back what is due of proxies that answer. One that was reported anew keeps its report. */
export function planWithdrawals(
  state: WithdrawalState,
  settings: CoordinatorSettings,
  proxies: {
    readonly isAlive: (address: NodeAddress) => boolean;
    readonly isReported: (address: NodeAddress) => boolean;
  },
  at: number,
): Step<WithdrawalState, CoordinatorEffect> {
  if (state.open.size === 0) return { state, effects: [] };
  const open = new Map<NodeAddress, Withdrawal>();
  let room = settings.reportsMax;
  for (const { runningId } of state.open.values()) if (runningId !== null) room -= 1;
  let { nextId } = state;
  const effects: CoordinatorEffect[] = [];
  for (const [address, entry] of state.open) {
    if (proxies.isReported(address)) continue;
    const isDue = entry.runningId === null && entry.nextAt <= at && room > 0;
    if (!isDue || !proxies.isAlive(address)) {
      open.set(address, entry);
      continue;
    }
    room -= 1;
    effects.push({ kind: 'withdraw-report', id: nextId, address });
    open.set(address, { ...entry, runningId: nextId });
    nextId += 1;
  }
  return { state: { open, nextId }, effects };
}

/** The broker has dropped it, or cannot. */
export function withdrawalDone(
  state: WithdrawalState,
  event: { readonly id: number; readonly address: NodeAddress },
): WithdrawalState {
  if (state.open.get(event.address)?.runningId !== event.id) return state;
  const open = new Map(state.open);
  open.delete(event.address);
  return { ...state, open };
}

/** The broker did not answer: again when a report would be repeated. */
export function withdrawalFailed(
  state: WithdrawalState,
  settings: CoordinatorSettings,
  event: { readonly id: number; readonly address: NodeAddress; readonly at: number },
): WithdrawalState {
  if (state.open.get(event.address)?.runningId !== event.id) return state;
  const nextAt = event.at + settings.reportIntervalMs;
  return withWithdrawal(state, event.address, { runningId: null, nextAt });
}

function withWithdrawal(
  state: WithdrawalState,
  address: NodeAddress,
  entry: Withdrawal,
): WithdrawalState {
  return { ...state, open: withEntries(state.open, [[address, entry]]) };
}
