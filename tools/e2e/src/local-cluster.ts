import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findEngine, startProgram, type ProgramEnd, type RunningProgram } from '@undermoon/testkit';
import { lastLines } from './last-lines.ts';
import { programFile } from './programs.ts';
import {
  type CoordinatorPart,
  type ProxyPart,
  type RunningCluster,
  startOrExplain,
} from './running-cluster.ts';
import { until, within } from './until.ts';

// The product's own limit is 60 s.
const START_TIMEOUT_MS = 75_000;
const STOP_TIMEOUT_MS = 20_000;

/** The object that `undermoon up --json` prints when it is ready. */
export interface ReadyObject {
  readonly event: 'ready';
  readonly broker: string;
  readonly brokerPid: number;
  readonly cluster: string;
  readonly coordinators: readonly CoordinatorPart[];
  readonly proxies: readonly ProxyPart[];
  readonly dir: string;
  readonly pid: number;
  readonly startedInMs: number;
}

/** A line that it prints afterwards. */
export interface UpEvent {
  readonly event: string;
  readonly [member: string]: unknown;
}

/** What to start. Proxies listen from `port`, their Redis servers from `port` + 1000, the broker at `port` + 20; as replicas, proxies are at `port` + 1800. */
export interface LocalClusterOptions {
  readonly port: number;
  /** More flags of `undermoon up`. */
  readonly flags?: readonly string[];
}

/** Starts a cluster with the command for people, in a folder of its own, and waits until it says that it is ready. */
export function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  return startOrExplain(new LocalCluster(options));
}

/** A run of `undermoon up`. */
export class LocalCluster implements RunningCluster {
  /** The folder that the command was started in. */
  readonly cwd: string = mkdtempSync(path.join(tmpdir(), 'undermoon-e2e-up-'));
  readonly #options: LocalClusterOptions;
  #program: RunningProgram | null = null;
  #ready: ReadyObject | null = null;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
  }

  get ready(): ReadyObject {
    if (this.#ready === null) throw new Error('undermoon up is not ready');
    return this.#ready;
  }

  /** All lines printed after the ready object. */
  get events(): readonly UpEvent[] {
    const lines = (this.#program?.stdout ?? '').split('\n').slice(1, -1);
    return lines.map((line) => JSON.parse(line) as UpEvent);
  }

  get brokerUrl(): string {
    return this.ready.broker;
  }

  get brokerPid(): number {
    return this.ready.brokerPid;
  }

  get clusterName(): string {
    return this.ready.cluster;
  }

  get coordinators(): readonly CoordinatorPart[] {
    return this.ready.coordinators;
  }

  get proxies(): readonly ProxyPart[] {
    return this.ready.proxies;
  }

  /** Starts the command, in the folder of this object, without waiting for anything. */
  launch(...moreFlags: readonly string[]): RunningProgram {
    const { port, flags = [] } = this.#options;
    const ports = ['--port', `${port}`, '--broker-port', `${port + 20}`];
    const argv = ['up', '--json', ...ports, ...flags, ...moreFlags];
    const env = { UNDERMOON_ENGINE: findEngine().path };
    this.#program = startProgram(programFile('undermoon'), argv, { cwd: this.cwd, env });
    return this.#program;
  }

  async start(): Promise<ReadyObject> {
    const program = this.launch();
    const line = await within('undermoon up is ready', program.firstLine, START_TIMEOUT_MS);
    this.#ready = JSON.parse(line) as ReadyObject;
    return this.#ready;
  }

  /** Waits for an event that was printed, or will be. */
  event(name: string, timeoutMs: number): Promise<UpEvent> {
    return until(
      `undermoon up reports ${name}`,
      () => this.events.find(({ event }) => event === name) ?? null,
      { timeoutMs },
    );
  }

  /** Sends a signal and waits for the end of the command. */
  async end(signal: NodeJS.Signals): Promise<ProgramEnd> {
    if (this.#program === null) throw new Error('undermoon up was not started');
    this.#program.kill(signal);
    return within(`undermoon up ends by ${signal}`, this.#program.ended, STOP_TIMEOUT_MS);
  }

  logTails(): string {
    const texts = [`--- undermoon up\n${lastLines(this.#program?.stderr ?? '')}`];
    const logs = path.join(this.cwd, '.undermoon', 'logs');
    for (const name of existingFiles(logs).filter((file) => !file.startsWith('redis-'))) {
      texts.push(`--- ${name}\n${lastLines(readFileSync(path.join(logs, name), 'utf8'))}`);
    }
    return texts.join('\n');
  }

  async stop(): Promise<void> {
    if (this.#program !== null) {
      try {
        await this.end('SIGTERM');
      } finally {
        // Its processes die with it, however it dies.
        await this.#program[Symbol.asyncDispose]();
      }
    }
    rmSync(this.cwd, { recursive: true, force: true });
  }
}

function existingFiles(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
