import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { findEngine, startProgram, type ProgramEnd, type RunningProgram } from '@undermoon/testkit';

import { startOf } from '../src/up/process-identity.ts';
import { readRunFile } from '../src/up/run-file.ts';
import type { ReadyInfo } from '../src/up/ready-info.ts';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
const POLL_MS = 20;
const WAIT_MAX_MS = 30_000;

const ENV = { UNDERMOON_ENGINE: findEngine().path };

/** A new folder for runs, and where their processes listen. */
export class Ground {
  readonly directory: string;
  readonly brokerPort: number;
  readonly #port: number;
  readonly #programs: RunningProgram[] = [];

  constructor(ports: { readonly port: number; readonly brokerPort: number }) {
    this.directory = mkdtempSync(path.join(tmpdir(), 'undermoon-up-'));
    this.#port = ports.port;
    this.brokerPort = ports.brokerPort;
  }

  get broker(): string {
    return `http://127.0.0.1:${this.brokerPort}`;
  }

  /** Starts `undermoon up` here. */
  up(...argv: string[]): RunningProgram {
    const ports = ['--port', `${this.#port}`, '--broker-port', `${this.brokerPort}`];
    const program = startProgram(CLI, ['up', ...ports, ...argv], { cwd: this.directory, env: ENV });
    this.#programs.push(program);
    return program;
  }

  /** Runs any command to its end. */
  run(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ProgramEnd> {
    return startProgram(CLI, argv, { cwd: this.directory, env }).ended;
  }

  /** The processes on record, by name. */
  recorded(): Map<string, number> {
    const record = readRunFile(path.join(this.directory, '.undermoon'));
    const processes = typeof record === 'string' ? [] : record.processes;
    return new Map(processes.map(({ name, pid }) => [name, pid]));
  }

  /** Ends what still runs, and removes the folder. */
  async dispose(): Promise<void> {
    for (const program of this.#programs) {
      const pids = [...this.recorded().values()];
      program.kill('SIGTERM');
      await program.ended;
      for (const pid of pids) if (startOf(pid) !== null) process.kill(pid, 'SIGKILL');
    }
    rmSync(this.directory, { recursive: true });
  }
}

/** The ready object of a program that was started with `--json`. */
export async function readyOf(program: RunningProgram): Promise<ReadyInfo> {
  const value: unknown = JSON.parse(await program.firstLine);
  if (typeof value === 'object' && value !== null && 'event' in value && value.event === 'ready') {
    return value as ReadyInfo;
  }
  throw new Error(`not a ready object: ${JSON.stringify(value)}`);
}

/** All process ids of a run, without its own. */
export function pidsOf(info: ReadyInfo): number[] {
  const proxies = info.proxies.flatMap(({ pid, redis }) => [
    pid,
    ...redis.map((server) => server.pid),
  ]);
  return [info.brokerPid, ...info.coordinators.map(({ pid }) => pid), ...proxies];
}

/** Those of the processes that run. */
export function living(pids: readonly number[]): number[] {
  return pids.filter((pid) => startOf(pid) !== null);
}

/** Waits for a condition; fails with its description. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + WAIT_MAX_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await delay(POLL_MS);
  }
}
