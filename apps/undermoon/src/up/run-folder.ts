import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolders } from '@undermoon/runtime/node';

import { CommandError, errorCodeOf } from '../errors.ts';
import { startOf } from './process-identity.ts';
import {
  createRunFile,
  readRunFile,
  replaceRunFile,
  runFileOf,
  type RecordedProcess,
  type RunRecord,
} from './run-file.ts';

/** What a new run does with what an earlier one left. */
export interface ClaimOptions {
  readonly directory: string;
  /** Told what is cleaned, in whole sentences. */
  readonly note: (text: string) => void;
}

// Also keeps the folder out of the repository that it may lie in.
const MARKER_FILE = '.gitignore';
const MARKER_TEXT = '# made by "undermoon up", which empties this folder at each start\n*\n';

const OWN_ENTRY = /^(?:redis-\d+|broker|logs|run\.json(?:\.\d+)?|\.gitignore)$/;
const GONE_DEADLINE_MS = 5000;
const GONE_POLL_MS = 10;

/** The folder of a run: its data, its logs, and the record of its processes. */
export class RunFolder {
  readonly directory: string;
  readonly #processes = new Map<number, RecordedProcess>();
  #self: Omit<RunRecord, 'processes'> | null = null;

  constructor(directory: string) {
    this.directory = directory;
  }

  get logs(): string {
    return path.join(this.directory, 'logs');
  }

  /** Makes a folder for the data of one process and returns its path. */
  dataOf(name: string): string {
    const folder = path.join(this.directory, name);
    makeFolders(folder);
    return folder;
  }

  /**
   * Writes the record; from here on another run is refused.
   * @throws CommandError FOLDER_IN_USE when another run was faster
   */
  begin(run: { readonly broker: string; readonly cluster: string }): void {
    const self = identify('up', process.pid);
    if (self === null) throw new Error('this process is not among the processes of the system');
    if (!createRunFile(this.directory, { self, ...run, processes: [] })) {
      throw new CommandError('FOLDER_IN_USE', `another "undermoon up" starts in ${this.directory}`);
    }
    this.#self = { self, ...run };
  }

  /** Puts a process on record. To be called in the same turn in which it was started. */
  add(name: string, pid: number): void {
    const entry = identify(name, pid);
    // It has ended already.
    if (entry === null) return;
    this.#processes.set(pid, entry);
    this.#write();
  }

  /** Takes a process that has ended off the record, if the record can be written. */
  remove(pid: number): void {
    if (!this.#processes.delete(pid)) return;
    try {
      this.#write();
    } catch (error) {
      // Somebody has deleted the folder, or the disk is full. The next run sees that the process has ended.
      if (errorCodeOf(error) === '') throw error;
    }
  }

  /** Ends the record: nothing of this run is left. */
  release(): void {
    if (this.#self === null) return;
    this.#self = null;
    rmSync(runFileOf(this.directory), { force: true });
  }

  #write(): void {
    if (this.#self === null) return;
    replaceRunFile(this.directory, { ...this.#self, processes: [...this.#processes.values()] });
  }
}

/**
 * Takes a folder for a new run: refuses it when another run lives in it, ends what a killed run left, and
 * empties it.
 * @throws CommandError FOLDER_IN_USE, FOLDER_FOREIGN for a folder with other things in it, FOLDER_UNUSABLE
 */
export async function claimRunFolder({ directory, note }: ClaimOptions): Promise<RunFolder> {
  let names: string[];
  try {
    makeFolders(directory);
    names = readdirSync(directory);
  } catch (error) {
    if (errorCodeOf(error) === '') throw error;
    throw new CommandError(
      'FOLDER_UNUSABLE',
      `--dir: ${directory} cannot be used: ${errorCodeOf(error)}`,
    );
  }
  if (names.length > 0) checkOwn(directory, names);
  await cleanLeftOver(directory, note);
  for (const name of names.filter((entry) => OWN_ENTRY.test(entry))) {
    rmSync(path.join(directory, name), { recursive: true, force: true });
  }
  writeFileSync(path.join(directory, MARKER_FILE), MARKER_TEXT);
  mkdirSync(path.join(directory, 'logs'));
  return new RunFolder(directory);
}

// Emptying a folder that somebody else filled would be a bad surprise.
function checkOwn(directory: string, names: readonly string[]): void {
  const hasMarker =
    names.includes(MARKER_FILE) &&
    readFileSync(path.join(directory, MARKER_FILE), 'utf8') === MARKER_TEXT;
  const foreign = names.find((name) => !OWN_ENTRY.test(name));
  if (hasMarker && foreign === undefined) return;
  throw new CommandError(
    'FOLDER_FOREIGN',
    `--dir: ${directory} holds other files (such as ${foreign ?? names[0]}); ` +
      'name an empty or a new folder, since "undermoon up" empties it at each start',
  );
}

async function cleanLeftOver(directory: string, note: (text: string) => void): Promise<void> {
  const record = readRunFile(directory);
  if (record === 'none') return;
  if (record === 'damaged') {
    note(`${runFileOf(directory)} is damaged; processes of an earlier run can not be told from it`);
    return;
  }
  if (isAlive(record.self)) {
    throw new CommandError(
      'FOLDER_IN_USE',
      `another "undermoon up" with process id ${record.self.pid} runs in ${directory}; ` +
        'stop it, or choose another folder with --dir and other ports',
    );
  }
  const left = record.processes.filter(isAlive);
  if (left.length === 0) {
    note(
      `cleaning up: the run with process id ${record.self.pid} was killed; none of its processes is left`,
    );
    return;
  }
  const list = left.map(({ name, pid }) => `${name} (${pid})`).join(', ');
  note(
    `cleaning up: the run with process id ${record.self.pid} was killed and left ${list}; ending them`,
  );
  for (const { pid } of left) killIfThere(pid);
  await waitUntilGone(left);
}

function isAlive(recorded: RecordedProcess): boolean {
  return startOf(recorded.pid) === recorded.start;
}

function identify(name: string, pid: number): RecordedProcess | null {
  const start = startOf(pid);
  return start === null ? null : { name, pid, start };
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errorCodeOf(error) !== 'ESRCH') throw error;
  }
}

async function waitUntilGone(left: readonly RecordedProcess[]): Promise<void> {
  const deadline = Date.now() + GONE_DEADLINE_MS;
  while (left.some(isAlive)) {
    if (Date.now() > deadline) {
      const pids = left.filter(isAlive).map(({ pid }) => pid);
      throw new CommandError(
        'FOLDER_IN_USE',
        `processes of an earlier run do not end: ${pids.join(', ')}`,
      );
    }
    await delay(GONE_POLL_MS);
  }
}
