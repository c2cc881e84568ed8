import { setTimeout as delay } from 'node:timers/promises';

import { CommandError } from '../errors.ts';

/** Something to wait for. */
export interface Wait {
  /** What is still missing, as sentences; none means that the wait is over. */
  readonly missing: () => Promise<readonly string[]>;
  readonly deadline: Deadline;
  readonly intervalMs?: number;
}

/** When a whole start has to be done. */
export interface Deadline {
  readonly at: number;
  readonly limitMs: number;
  /** Aborted when the start is given up. */
  readonly signal: AbortSignal;
}

const INTERVAL_MS = 40;
const MISSING_SHOWN_MAX = 10;

/**
 * Looks again and again until nothing is missing.
 * @throws CommandError NOT_READY with what is missing at the deadline, INTERRUPTED when the start is given up
 */
export async function waitUntilComplete({ missing, deadline, intervalMs }: Wait): Promise<void> {
  for (;;) {
    const left = await missing();
    if (left.length === 0) return;
    if (deadline.signal.aborted) throw new CommandError('INTERRUPTED', 'interrupted');
    if (Date.now() >= deadline.at) throw notReady(left, deadline.limitMs);
    await delay(intervalMs ?? INTERVAL_MS);
  }
}

function notReady(left: readonly string[], limitMs: number): CommandError {
  const shown = left.slice(0, MISSING_SHOWN_MAX).map((text) => `  ${text}`);
  if (left.length > shown.length) shown.push(`  and ${left.length - shown.length} more`);
  return new CommandError('NOT_READY', `not ready after ${limitMs / 1000} s:\n${shown.join('\n')}`);
}
