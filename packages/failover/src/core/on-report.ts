// What follows from the broker's answers to reports, and to their withdrawal.

import * as detector from './detector.ts';
import type { CoordinatorEvent } from './event.ts';
import { lift, planWithdrawals, quiet } from './plan.ts';
import type { CoordinatorStep } from './plan.ts';
import { openWithdrawal, withdrawalDone, withdrawalFailed } from './report-withdrawal.ts';
import type { CoordinatorState } from './state.ts';

type EventOf<K extends CoordinatorEvent['kind']> = Extract<CoordinatorEvent, { kind: K }>;

/** The broker took a report, or did not answer. */
export function onReport(
  state: CoordinatorState,
  event: EventOf<'report-done' | 'report-failed'>,
): CoordinatorStep {
  if (!detector.isReported(state.detector, event.address)) {
    // It answered meanwhile. The report may have reached the broker all the same, and later than that was taken back.
    const withdrawals = openWithdrawal(state.withdrawals, event.address, event.at);
    return planWithdrawals({ ...state, withdrawals }, event.at);
  }
  if (event.kind === 'report-failed') {
    const failed = detector.reportFailed(state.detector, state.settings, event, event.at);
    return lift(state, 'detector', failed);
  }
  const done = lift(state, 'detector', detector.reportDone(state.detector, event.address));
  if (state.settings.isFailoverDisabled) return done;
  // This report may be the one that completes the quorum.
  return { ...done, effects: [...done.effects, { kind: 'read-failures' }] };
}

/** The broker dropped a report, or did not answer. */
export function onWithdrawal(
  state: CoordinatorState,
  event: EventOf<'withdrawal-done' | 'withdrawal-failed'>,
): CoordinatorStep {
  const withdrawals =
    event.kind === 'withdrawal-done'
      ? withdrawalDone(state.withdrawals, event)
      : withdrawalFailed(state.withdrawals, state.settings, event);
  return quiet({ ...state, withdrawals });
}
