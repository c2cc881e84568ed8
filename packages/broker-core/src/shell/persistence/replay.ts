import { parsePayload } from '@undermoon/broker-api';
import { z } from 'zod';
import { apply, APPLY_VERSION } from '../../core/apply.ts';
import {
  commandToJson,
  contextToJson,
  parseCommand,
  parseContext,
} from '../../core/command-codec.ts';
import type { StoreState } from '../../core/model.ts';
import { BrokerError } from '../../errors.ts';
import { LogDamage, type LogContent, type LogRecord } from './log-records.ts';
import type { StoreChange } from './meta-storage.ts';

/** A state and the log record that it includes last. */
export interface ReplayedState {
  readonly state: StoreState;
  readonly sequence: number;
}

const recordSchema: z.ZodType<{
  readonly context?: unknown;
  readonly steps: readonly { readonly command?: unknown; readonly epoch: number }[];
}> = z.object({
  context: z.unknown(),
  steps: z.array(z.object({ command: z.unknown(), epoch: z.number() })),
});

/** What a record holds of a change. */
export function recordOf({ steps, context }: StoreChange): unknown {
  return {
    context: contextToJson(context),
    steps: steps.map(({ command, epoch }) => ({ command: commandToJson(command), epoch })),
  };
}

/**
 * Carries out the records of a log that `from` does not include. Throws STORE_DAMAGED when they do not
 * continue it, were written by another version of `apply`, or do not lead to the epochs that they name.
 */
export function replay(from: ReplayedState, log: LogContent): ReplayedState {
  const records = log.records.filter(({ sequence }) => sequence > from.sequence);
  const [first] = records;
  if (first === undefined) return from;
  if (first.sequence !== from.sequence + 1) {
    const reason = `begins with record ${first.sequence}, and record ${from.sequence + 1} is nowhere`;
    throw new BrokerError('STORE_DAMAGED', reason);
  }
  if (log.head.applyVersion !== APPLY_VERSION) throw otherVersion(log.head.applyVersion);
  let { state } = from;
  for (const record of records) state = carryOut(state, record);
  return { state, sequence: from.sequence + records.length };
}

function carryOut(before: StoreState, record: LogRecord): StoreState {
  const parsed = parsePayload(recordSchema, record.json);
  if (!parsed.ok) throw damaged(record, parsed.message);
  const context = parseContext(parsed.value.context);
  if (!context.ok) throw damaged(record, context.message);
  let state = before;
  for (const step of parsed.value.steps) {
    const command = parseCommand(step.command);
    if (!command.ok) throw damaged(record, command.message);
    state = apply(state, command.value, context.value).state;
    if (state.globalEpoch !== step.epoch) {
      const message = `${command.value.kind} leads to the epoch ${state.globalEpoch}, not ${step.epoch}`;
      throw damaged(record, message);
    }
  }
  return state;
}

function otherVersion(version: number): BrokerError {
  return new BrokerError(
    'STORE_DAMAGED',
    `holds changes written by another version of the broker (rules ${version}, these are ` +
      `${APPLY_VERSION}), which this one could replay differently. Start the earlier version once ` +
      'and stop it with SIGTERM: it then leaves a snapshot that every later version reads',
  );
}

function damaged(record: LogRecord, message: string): LogDamage {
  const reason = `has an unusable record ${record.sequence}: ${message}`;
  return new LogDamage(reason, record.offset, record.sequence - 1);
}
