import type { Buffer } from 'node:buffer';
import { argumentIs } from './command-argument.ts';
import { type CommandFrame, lookupCommand } from './command-lookup.ts';
import { COMMAND_ID } from './command-table.generated.ts';

const SECOND_MS = 1000;

/** Commands whose last word is a number of seconds. */
const SECONDS_LAST: ReadonlySet<number> = new Set([
  COMMAND_ID.BLPOP,
  COMMAND_ID.BRPOP,
  COMMAND_ID.BRPOPLPUSH,
  COMMAND_ID.BLMOVE,
  COMMAND_ID.BZPOPMIN,
  COMMAND_ID.BZPOPMAX,
]);
const SECONDS_FIRST: ReadonlySet<number> = new Set([COMMAND_ID.BLMPOP, COMMAND_ID.BZMPOP]);
const MILLISECONDS_LAST: ReadonlySet<number> = new Set([COMMAND_ID.WAIT, COMMAND_ID.WAITAOF]);
const BLOCK_OPTION: ReadonlySet<number> = new Set([COMMAND_ID.XREAD, COMMAND_ID.XREADGROUP]);

/**
 * Milliseconds within which a server ends a blocking command by itself; null: it may wait for ever, or it is not
 * known. What the server refuses at once, such as a negative number, counts as 0.
 */
export function blockingTimeoutMs(bytes: Buffer, frame: CommandFrame): number | null {
  const id = lookupCommand(bytes, frame.argStart[0] ?? 0, frame.argEnd[0] ?? 0);
  const last = frame.argc - 1;
  if (SECONDS_LAST.has(id)) return timeoutAt(bytes, frame, last, SECOND_MS);
  if (SECONDS_FIRST.has(id)) return timeoutAt(bytes, frame, 1, SECOND_MS);
  if (MILLISECONDS_LAST.has(id)) return timeoutAt(bytes, frame, last, 1);
  if (!BLOCK_OPTION.has(id)) return null;
  for (let i = 1; i < last; i++) {
    if (argumentIs('STREAMS', bytes, frame, i)) break;
    if (argumentIs('BLOCK', bytes, frame, i)) return timeoutAt(bytes, frame, i + 1, 1);
  }
  return null;
}

function timeoutAt(
  bytes: Buffer,
  frame: CommandFrame,
  index: number,
  unitMs: number,
): number | null {
  const ms = Number(bytes.toString('latin1', frame.argStart[index], frame.argEnd[index])) * unitMs;
  if (Number.isNaN(ms) || ms < 0) return 0;
  return ms === 0 || ms === Number.POSITIVE_INFINITY ? null : ms;
}
