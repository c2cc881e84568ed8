import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  startProgram,
  startRedis,
  type RedisServer,
  type RunningProgram,
} from '@undermoon/testkit';
import { askBroker } from './broker-http.ts';
import { untilHealthy } from './cluster-state.ts';
import { lastLines } from './last-lines.ts';
import { programFile, type ProgramName } from './programs.ts';
import {
  type CoordinatorPart,
  type ProxyPart,
  type RunningCluster,
  startOrExplain,
} from './running-cluster.ts';
import { within } from './until.ts';

const START_TIMEOUT_MS = 60_000;

/** What to start. Proxies listen from `port`, and as replicas from `port` + 1800, their Redis servers from `port` + 1000, the broker at
 * `port` + 20, coordinators after it. */
export interface ProgramClusterOptions {
  readonly port: number;
  /** Default 4, of which 2 make the cluster. */
  readonly proxyCount?: number;
  /** Default 4. 0 creates no cluster. */
  readonly nodeCount?: number;
  /** Default 2. */
  readonly coordinatorCount?: number;
  readonly brokerFlags?: readonly string[];
  readonly coordinatorFlags?: readonly string[];
  readonly proxyFlags?: readonly string[];
  /** Gives every proxy a plain port, from `port` + 30 on. */
  readonly hasPlainPorts?: boolean;
}

/** Starts a cluster by starting and registering every program by itself, as an operator with unit files would. */
export function startProgramCluster(options: ProgramClusterOptions): Promise<ProgramCluster> {
  return startOrExplain(new ProgramCluster(options));
}

/** A cluster whose programs are children of this process. */
export class ProgramCluster implements RunningCluster {
  readonly clusterName = 'demo';
  readonly brokerUrl: string;
  readonly dir: string = mkdtempSync(path.join(tmpdir(), 'undermoon-e2e-'));
  readonly #options: ProgramClusterOptions;
  readonly #brokerPort: number;
  readonly #programs = new Map<string, RunningProgram>();
  readonly #servers: RedisServer[] = [];

  constructor(options: ProgramClusterOptions) {
    this.#options = options;
    this.#brokerPort = options.port + 20;
    this.brokerUrl = `http://127.0.0.1:${this.#brokerPort}`;
  }

  get brokerPid(): number {
    return this.#pidOf('broker');
  }

  get coordinators(): readonly CoordinatorPart[] {
    return this.#indexes(this.#options.coordinatorCount ?? 2).map((index) => ({
      address: `127.0.0.1:${this.#brokerPort + 1 + index}`,
      pid: this.#pidOf(`coordinator-${index}`),
    }));
  }

  get proxies(): readonly ProxyPart[] {
    return this.#indexes(this.#proxyCount).map((index) => ({
      address: this.#proxyAddress(index),
      replicaAddress: this.#replicaAddress(index),
      pid: this.#pidOf(`proxy-${index}`),
      host: `host-${index + 1}`,
      redis: this.#servers
        .slice(index * 2, index * 2 + 2)
        .map(({ address, pid }) => ({ address, pid })),
    }));
  }

  async start(): Promise<void> {
    const { port, nodeCount = 4 } = this.#options;
    const servers = this.#indexes(this.#proxyCount * 2).map((index) =>
      startRedis({ port: port + 1000 + index }),
    );
    const starts = [
      this.startBroker(),
      ...this.coordinators.map((_, index) => this.startCoordinator(index)),
      ...this.#indexes(this.#proxyCount).map((index) => this.startProxy(index)),
    ];
    // All are waited for, so that whatever did start is known and can be stopped.
    const outcomes = await Promise.allSettled([...starts, ...servers]);
    for (const server of await Promise.allSettled(servers)) {
      if (server.status === 'fulfilled') this.#servers.push(server.value);
    }
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    for (const proxy of this.proxies) await this.register(proxy);
    if (nodeCount === 0) return;
    const body = { node_number: nodeCount };
    const path_ = `/clusters/meta/${this.clusterName}`;
    await this.#expectOk(askBroker(this.brokerUrl, 'POST', path_, body));
    await untilHealthy(this, START_TIMEOUT_MS);
  }

  /** Starts the broker; again with the same metadata file, if it ran before. */
  startBroker(): Promise<void> {
    const file = path.join(this.dir, 'metadata.json');
    const storage = ['--storage-type', 'file', '--meta-filename', file];
    const flags = [...storage, ...(this.#options.brokerFlags ?? [])];
    return this.#run('broker', 'undermoon-broker', this.#brokerPort, flags);
  }

  startCoordinator(index: number): Promise<void> {
    const brokerPort = this.#brokerPort;
    const own = ['--broker-address', `127.0.0.1:${brokerPort}`, '--reporter-id', `c${index}`];
    const flags = [...own, ...(this.#options.coordinatorFlags ?? [])];
    const name = `coordinator-${index}`;
    return this.#run(name, 'undermoon-coordinator', brokerPort + 1 + index, flags);
  }

  startProxy(index: number): Promise<void> {
    const replica = ['--replica-address', this.#replicaAddress(index)];
    const { port, proxyFlags = [], hasPlainPorts = false } = this.#options;
    const plain = hasPlainPorts ? ['--plain-address', this.plainAddress(index)] : [];
    const flags = [...replica, ...plain, ...proxyFlags];
    return this.#run(`proxy-${index}`, 'undermoon-proxy', port + index, flags);
  }

  /** Where a proxy serves clients that know no clusters, if it does. */
  plainAddress(index: number): string {
    return `127.0.0.1:${this.#options.port + 30 + index}`;
  }

  /** Starts those of a proxy's Redis servers again that have ended, without data. */
  async startServers(proxyIndex: number): Promise<void> {
    const servers = this.#servers.slice(proxyIndex * 2, proxyIndex * 2 + 2);
    await Promise.all(
      servers.filter(({ isRunning }) => !isRunning).map((server) => server.restart()),
    );
  }

  /** Kills a proxy's Redis servers and starts them again, without data. */
  async restartServers(proxyIndex: number): Promise<void> {
    const servers = this.#servers.slice(proxyIndex * 2, proxyIndex * 2 + 2);
    await Promise.all(servers.map((server) => server.restart()));
  }

  /** Registers a proxy at the broker. One that is known already is told so, which is what a restarted one does. */
  async register(proxy: ProxyPart): Promise<number> {
    const answer = await askBroker(this.brokerUrl, 'POST', '/proxies/meta', {
      proxy_address: proxy.address,
      replica_address: proxy.replicaAddress,
      nodes: proxy.redis.map(({ address }) => address),
      host: proxy.host,
    });
    if (answer.status !== 200 && answer.status !== 409) {
      throw new Error(`registering ${proxy.address}: ${answer.status} ${answer.text}`);
    }
    return answer.status;
  }

  logTails(): string {
    return [...this.#programs]
      .map(([name, program]) => `--- ${name}\n${lastLines(program.stderr)}`)
      .join('\n');
  }

  async stop(): Promise<void> {
    // A stopped (SIGSTOP) program ends by SIGKILL too.
    await Promise.all([
      ...[...this.#programs.values()].map((program) => program[Symbol.asyncDispose]()),
      ...this.#servers.map((server) => server.stop()),
    ]);
    rmSync(this.dir, { recursive: true, force: true });
  }

  #replicaAddress(index: number): string {
    return `127.0.0.1:${this.#options.port + 1800 + index}`;
  }

  get #proxyCount(): number {
    return this.#options.proxyCount ?? 4;
  }

  #indexes(count: number): number[] {
    return Array.from({ length: count }, (_, index) => index);
  }

  #proxyAddress(index: number): string {
    return `127.0.0.1:${this.#options.port + index}`;
  }

  #pidOf(name: string): number {
    return this.#programs.get(name)?.pid ?? -1;
  }

  async #run(
    name: string,
    program: ProgramName,
    port: number,
    flags: readonly string[],
  ): Promise<void> {
    const argv = ['--address', `127.0.0.1:${port}`, '--json', '--exit-with-parent', ...flags];
    const child = startProgram(programFile(program), argv);
    this.#programs.set(name, child);
    await within(`${name} is ready`, child.firstLine, START_TIMEOUT_MS);
  }

  async #expectOk(answer: ReturnType<typeof askBroker>): Promise<void> {
    const { status, text } = await answer;
    if (status !== 200) throw new Error(`the broker answered ${status} ${text}`);
  }
}
