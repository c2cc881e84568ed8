import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { errorCodeOf } from '../errors.ts';

/** A process that a run started. `start` tells it from a later one with the same id. */
export interface RecordedProcess {
  readonly name: string;
  readonly pid: number;
  readonly start: string;
}

/** What a run leaves on disk while it lives: enough for the next one to clean up after it. */
export interface RunRecord {
  readonly self: RecordedProcess;
  /** The broker's URL. */
  readonly broker: string;
  readonly cluster: string;
  readonly processes: readonly RecordedProcess[];
}

const RUN_FILE = 'run.json';
const FORMAT = 'undermoon-run-1';

/** The file of a folder's run. */
export function runFileOf(directory: string): string {
  return path.join(directory, RUN_FILE);
}

/** Makes the file. Returns false, and changes nothing, when there is one already. */
export function createRunFile(directory: string, record: RunRecord): boolean {
  const draft = writeDraft(directory, record);
  try {
    linkSync(draft, runFileOf(directory));
    return true;
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft);
  }
}

/** Replaces the file at once: a reader sees the old or the new one. */
export function replaceRunFile(directory: string, record: RunRecord): void {
  renameSync(writeDraft(directory, record), runFileOf(directory));
}

function writeDraft(directory: string, record: RunRecord): string {
  const draft = `${runFileOf(directory)}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify({ format: FORMAT, ...record }, null, 2)}\n`, {
    mode: 0o600,
  });
  return draft;
}

/** The record of a folder's run: `none` when there is no file, `damaged` when it is not one. */
export function readRunFile(directory: string): RunRecord | 'none' | 'damaged' {
  let text: string;
  try {
    text = readFileSync(runFileOf(directory), 'utf8');
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'none';
    throw error;
  }
  return parseRunRecord(text) ?? 'damaged';
}

function parseRunRecord(text: string): RunRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (!isObject(value) || value['format'] !== FORMAT) return null;
  const { self, broker, cluster, processes } = value;
  if (typeof broker !== 'string' || typeof cluster !== 'string') return null;
  if (!isRecordedProcess(self) || !Array.isArray(processes)) return null;
  const checked = processes.filter(isRecordedProcess);
  return checked.length === processes.length ? { self, broker, cluster, processes: checked } : null;
}

function isRecordedProcess(value: unknown): value is RecordedProcess {
  if (!isObject(value)) return false;
  const { name, pid, start } = value;
  return (
    typeof name === 'string' &&
    Number.isSafeInteger(pid) &&
    Number(pid) > 1 &&
    typeof start === 'string'
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
