import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseDump } from '../../core/restore.ts';
import { storeViolations } from '../../core/invariants.ts';
import { BrokerError } from '../../errors.ts';
import { readIfThere } from './durable-files.ts';
import { decodeLog, LogDamage, type LogContent } from './log-records.ts';
import { replay, type ReplayedState } from './replay.ts';
import { decodeStoreFile, type StoreFileHead } from './store-file.ts';

/** A log that is there. */
export interface FoundLog {
  readonly path: string;
  readonly applyVersion: number;
  readonly lastSequence: number;
  readonly soundBytes: number;
  readonly bytes: number;
}

/** What was found at a path: the snapshot, and the state after its logs. */
export interface FoundStore {
  readonly snapshot: StoreFileHead;
  readonly replayed: ReplayedState;
  /** In the order of their records. */
  readonly logs: readonly FoundLog[];
}

interface LogAt {
  readonly path: string;
  readonly bytes: Buffer;
}

/** The path of a log whose first record has the number `start`. */
export function logPathOf(path: string, start: number): string {
  return `${path}.log-${String(start).padStart(12, '0')}`;
}

/**
 * Reads a store; null when there is none. Throws STORE_DAMAGED with what is wrong and what can be done, and
 * changes nothing.
 */
export async function readStore(path: string): Promise<FoundStore | null> {
  const bytes = await readIfThere(path);
  const logs = await readLogs(path);
  const previous = await readIfThere(`${path}.prev`);
  if (bytes === null) {
    // A store that was here and is gone must not turn into an empty one.
    if (previous === null && logs.length === 0) return null;
    const reason = `metadata file ${path} is missing, though there are files that belong to it`;
    throw refusal(reason, snapshotAdvice(path, previous, logs));
  }
  let snapshot: Snapshot;
  try {
    snapshot = decodeSnapshot(bytes);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    const advice = snapshotAdvice(path, previous, logs);
    throw refusal(`metadata file ${path} ${error.message}`, advice, error);
  }
  return { snapshot, ...replayAll(path, snapshot, logs) };
}

interface Snapshot extends StoreFileHead {
  readonly state: ReplayedState['state'];
}

function decodeSnapshot(bytes: Buffer): Snapshot {
  const { dump, ...head } = decodeStoreFile(bytes);
  const parsed = parseDump(dump);
  if (parsed.ok) return { ...head, state: parsed.value };
  throw new BrokerError('STORE_DAMAGED', `is not usable (${parsed.message})`);
}

function replayAll(
  path: string,
  snapshot: Snapshot,
  logs: readonly LogAt[],
): { readonly replayed: ReplayedState; readonly logs: readonly FoundLog[] } {
  let replayed: ReplayedState = snapshot;
  const found: FoundLog[] = [];
  for (const { path: logPath, bytes } of logs) {
    try {
      const content = decodeOwnLog(bytes, snapshot);
      replayed = replay(replayed, content);
      found.push(foundLog(logPath, bytes, content));
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      throw refusal(`log ${logPath} ${error.message}`, logAdvice(path, logPath, error), error);
    }
  }
  const [violation] = storeViolations(replayed.state);
  if (violation === undefined) return { replayed, logs: found };
  throw refusal(`the state after the log of ${path} contradicts itself: ${violation}`, '');
}

function decodeOwnLog(bytes: Buffer, { storeId }: StoreFileHead): LogContent {
  const content = decodeLog(bytes);
  if (content.head.storeId === storeId) return content;
  throw new BrokerError('STORE_DAMAGED', 'belongs to another metadata file than the one beside it');
}

function foundLog(path: string, bytes: Buffer, content: LogContent): FoundLog {
  const { head, records, soundBytes } = content;
  const lastSequence = head.start - 1 + records.length;
  return {
    path,
    applyVersion: head.applyVersion,
    lastSequence,
    soundBytes,
    bytes: bytes.length,
  };
}

async function readLogs(path: string): Promise<LogAt[]> {
  const prefix = `${basename(path)}.log-`;
  const directory = dirname(path);
  const names = (await readdir(directory)).filter(
    (name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)),
  );
  const logs: LogAt[] = [];
  for (const name of names.toSorted()) {
    const logPath = join(directory, name);
    const bytes = await readIfThere(logPath);
    if (bytes !== null) logs.push({ path: logPath, bytes });
  }
  return logs;
}

// The way out depends on whether the previous snapshot is sound, and on how far the logs lead from it.
function snapshotAdvice(path: string, previous: Buffer | null, logs: readonly LogAt[]): string {
  const sound = `${path}.prev, which is sound`;
  const snapshot = previous === null ? null : orNull(() => decodeSnapshot(previous));
  if (snapshot === null) return `There is no sound ${path}.prev to go on from.`;
  const end = orNull(() => replayAll(path, snapshot, logs));
  if (end === null) {
    return (
      `An earlier state is in ${sound}, but the log does not continue it: to go on from it and give up what ` +
      `came later, copy it to ${path}, move the files ${path}.log-* away and start again.`
    );
  }
  const goOn = `to go on from it, copy it to ${path} and start again.`;
  return end.replayed.sequence > snapshot.sequence
    ? `The snapshot before it is in ${sound}, and the log holds all changes since: ${goOn}`
    : `The state before the last change is in ${sound}: ${goOn}`;
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof BrokerError) return null;
    throw error;
  }
}

function logAdvice(path: string, logPath: string, error: BrokerError): string {
  if (error instanceof LogDamage && error.sequence > 0) {
    return (
      `Everything before it (up to record ${error.sequence}) is sound. To give up what came later, copy ` +
      `${logPath} elsewhere, run "truncate -s ${error.soundBytes} ${logPath}", move later logs away, ` +
      'start again, and call PUT /api/v3/epoch/recovery.'
    );
  }
  return `To go on from ${path} alone and give up what came later, move the files ${path}.log-* away and start again.`;
}

function refusal(reason: string, advice: string, cause?: unknown): BrokerError {
  const message = `${reason}. Nothing was changed. ${advice}`.trim();
  return new BrokerError('STORE_DAMAGED', message, { cause });
}
