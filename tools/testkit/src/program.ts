import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onProcessExit } from './exit-cleanup.ts';

// By its full name: the program may run in a folder from which it is not found.
const LOADER = new URL('source-loader.mjs', import.meta.url).href;
const SOURCE_FLAGS = ['--conditions=@undermoon/source', '--import', LOADER];
const OUTPUT_CHARS_MAX = 1024 * 1024;

/** How a program ended, with all that it printed. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd?: string;
  /** The whole environment besides PATH and HOME. Default: nothing else. */
  readonly env?: Readonly<Record<string, string>>;
  /** How many files it may have open. Default: as many as this process. */
  readonly openFilesMax?: number;
}

/** A program as a child process. */
export interface RunningProgram {
  readonly pid: number;
  /** The first line on stdout; rejects with the text on stderr when the program ends without one. */
  readonly firstLine: Promise<string>;
  readonly ended: Promise<ProgramEnd>;
  /** What it printed on stdout so far. */
  readonly stdout: string;
  /** What it printed on stderr so far. */
  readonly stderr: string;
  kill(signal?: NodeJS.Signals): void;
  /** Ends its stdin. */
  endInput(): void;
  /** Ends it at once if it still runs, and waits for its end. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a JavaScript file under Node.js, or a TypeScript file from sources without a build. */
export function startProgram(
  file: string,
  argv: readonly string[],
  options: ProgramOptions = {},
): RunningProgram {
  const flags = file.endsWith('.ts') ? SOURCE_FLAGS : [];
  const { PATH, HOME } = process.env;
  const words = [process.execPath, ...flags, file, ...argv];
  const [command = '', ...args] =
    options.openFilesMax === undefined
      ? words
      : ['/bin/sh', '-c', `ulimit -n ${options.openFilesMax} && exec "$0" "$@"`, ...words];
  const child = spawn(command, args, {
    env: { PATH, HOME, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  return new ProgramProcess(child);
}

class ProgramProcess implements RunningProgram {
  readonly firstLine: Promise<string>;
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcessWithoutNullStreams;
  #stdout = '';
  #stderr = '';

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    const forget = onProcessExit(() => child.kill('SIGKILL'));
    child.stdin.on('error', () => undefined);
    this.firstLine = new Promise((resolve, reject) => {
      child.stdout.on('data', (bytes: Buffer) => {
        this.#stdout = (this.#stdout + bytes.toString()).slice(0, OUTPUT_CHARS_MAX);
        const end = this.#stdout.indexOf('\n');
        if (end !== -1) resolve(this.#stdout.slice(0, end));
      });
      child.on('close', () => reject(new Error(`ended without a line on stdout: ${this.#stderr}`)));
    });
    // Who only waits for the end does not look at the first line.
    this.firstLine.catch(() => undefined);
    child.stderr.on('data', (bytes: Buffer) => {
      this.#stderr = (this.#stderr + bytes.toString()).slice(0, OUTPUT_CHARS_MAX);
    });
    this.ended = once(child, 'close').then(() => {
      forget();
      const { exitCode: code, signalCode: signal } = child;
      return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#child.kill(signal);
  }

  endInput(): void {
    this.#child.stdin.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}
