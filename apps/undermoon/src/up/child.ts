import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

import { CommandError, errorCodeOf } from '../errors.ts';

/** How a process is started. */
export interface ChildSpec {
  readonly name: string;
  readonly kind: 'broker' | 'coordinator' | 'proxy' | 'redis';
  readonly address: string;
  readonly file: string;
  readonly argv0?: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Gets what it prints. */
  readonly logFile: string;
  /** Prints a line with a ready event on stdout, and keeps to the end of its stdin. */
  readonly printsReady: boolean;
}

/** How a process ended. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const LOG_LINES_SHOWN = 12;
const LOG_CHARS_SHOWN = 4000;
const READY_CHARS_MAX = 10_000;

/** A process that was started. It runs in a process group of its own, so that Ctrl-C reaches only the parent. */
export class Child {
  readonly spec: ChildSpec;
  readonly pid: number;
  /** Resolves when it ended. */
  readonly ended: Promise<ChildEnd>;
  /** Resolves with the ready line, at once for processes without; rejects when it ends before. */
  readonly ready: Promise<void>;
  #end: ChildEnd | null = null;
  readonly #process: ChildProcess;

  constructor(spec: ChildSpec) {
    this.spec = spec;
    this.#process = spawnChild(spec);
    this.pid = this.#process.pid ?? -1;
    this.ended = new Promise((resolve) => {
      const finish = (end: ChildEnd): void => {
        this.#end ??= end;
        resolve(this.#end);
      };
      this.#process.once('exit', (code, signal) => finish({ code, signal }));
      // Without a process id it never ran, and there is no exit event.
      this.#process.on('error', () => {
        if (this.#process.pid === undefined) finish({ code: null, signal: null });
      });
    });
    this.ready = spec.printsReady ? this.#readyLine() : Promise.resolve();
    // Not everybody who waits for the end of a process looks at its start.
    this.ready.catch(() => undefined);
  }

  /** How it ended, or null while it runs. */
  get end(): ChildEnd | null {
    return this.#end;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#end === null && this.pid !== -1) this.#process.kill(signal);
  }

  /** The error for an end that nobody asked for, with the last lines of its log. */
  failure(): CommandError {
    const { name, address, logFile } = this.spec;
    const how = this.pid === -1 ? 'could not be started' : endText(this.#end);
    const tail = lastLines(logFile);
    const text = tail === '' ? 'its log is empty' : `the end of its log:\n${tail}`;
    return new CommandError(
      'CHILD_FAILED',
      `${name} (${address}) ${how}; ${text}\nthe whole log: ${logFile}`,
    );
  }

  #readyLine(): Promise<void> {
    return new Promise((resolve, reject) => {
      let text = '';
      this.#process.stdout?.on('data', (bytes: Buffer) => {
        if (text.length < READY_CHARS_MAX) text += bytes.toString();
        if (isReadyLine(text)) resolve();
      });
      void this.ended.then(() => reject(this.failure()));
    });
  }
}

function spawnChild(spec: ChildSpec): ChildProcess {
  const log = openSync(spec.logFile, 'a');
  try {
    const child = spawn(spec.file, [...spec.args], {
      ...(spec.argv0 === undefined ? {} : { argv0: spec.argv0 }),
      cwd: spec.cwd,
      env: spec.env,
      detached: true,
      stdio: spec.printsReady ? ['pipe', 'pipe', log] : ['ignore', log, log],
    });
    child.stdin?.on('error', () => undefined);
    return child;
  } finally {
    closeSync(log);
  }
}

function isReadyLine(text: string): boolean {
  const end = text.indexOf('\n');
  if (end === -1) return false;
  try {
    const value: unknown = JSON.parse(text.slice(0, end));
    return (
      typeof value === 'object' && value !== null && 'event' in value && value.event === 'ready'
    );
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/** `ended with exit code 1`, `was ended by SIGKILL`. */
function endText(end: ChildEnd | null): string {
  if (end === null) return 'still runs';
  return end.signal === null ? `ended with exit code ${end.code}` : `was ended by ${end.signal}`;
}

function lastLines(file: string): string {
  return textOf(file)
    .slice(-LOG_CHARS_SHOWN)
    .trimEnd()
    .split('\n')
    .slice(-LOG_LINES_SHOWN)
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n');
}

/** Nothing when it cannot be read: somebody has deleted it. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCodeOf(error) === '') throw error;
    return '';
  }
}
