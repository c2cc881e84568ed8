// What follows from the broker's answers to reports, and to their withdrawal.

import * as detector from './detector.ts';
import type { CoordinatorEvent } from './event.ts';
import { andThen, isReported, lift, planWithdrawals, quiet } from './plan.ts';
import type { CoordinatorStep } from './plan.ts';
import { openWithdrawal, withdrawalDone, withdrawalFailed } from './report-withdrawal.ts';
import { serverReportDone, serverReportFailed } from './server-watch.ts';
import type { CoordinatorState } from './state.ts';

type EventOf<K extends CoordinatorEvent['kind']> = Extract<CoordinatorEvent, { kind: K }>;

/** The broker took a report, or did not answer. */
export function onReport(
  state: CoordinatorState,
  event: EventOf<'report-done' | 'report-failed'>,
): CoordinatorStep {
  const { settings } = state;
  if (!isReported(state, event.address)) {
    // It answered meanwhile. The report may have reached the broker all the same, and later than that was taken back.
    const withdrawals = openWithdrawal(state.withdrawals, event.address, event.at);
    return planWithdrawals({ ...state, withdrawals }, event.at);
  }
  if (event.kind === 'report-failed') {
    const failed = detector.reportFailed(state.detector, settings, event, event.at);
    return andThen(lift(state, 'detector', failed), (next) =>
      lift(next, 'servers', serverReportFailed(next.servers, settings, event)),
    );
  }
  const taken = lift(state, 'detector', detector.reportDone(state.detector, event.address));
  const done = andThen(taken, (next) =>
    lift(next, 'servers', serverReportDone(next.servers, event.address)),
  );
  if (settings.isFailoverDisabled) return done;
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
