import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onProcessExit } from './exit-cleanup.ts';
import { type FaultRelay, startFaultRelay } from './fault-relay.ts';
import { findProgram, isExecutable } from './find-program.ts';
import { freePorts } from './free-port.ts';

// Where tools/bootstrap unpacks it.
const FETCHED = fileURLToPath(new URL('../../../.tools/etcd/usr/bin/etcd', import.meta.url));
const READY_MS_MAX = 20_000;
const READY_POLL_MS = 25;

/** The etcd program: the one that UNDERMOON_ETCD names, one in PATH, or the one in .tools; else null. */
export function findEtcd(): string | null {
  const named = process.env['UNDERMOON_ETCD'];
  if (named !== undefined && named !== '') return named;
  return findProgram('etcd') ?? (isExecutable(FETCHED) ? FETCHED : null);
}

/** An etcd cluster of real processes on loopback, each member behind a fault relay. */
export interface EtcdCluster {
  readonly members: readonly EtcdMember[];
  /** The members' URLs by way of their relays. */
  readonly endpoints: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** Files of certificates that members present, and whether they ask clients for one. */
export interface EtcdTlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly asksClients: boolean;
}

/** Starts `size` members and waits until they serve. Throws when there is no etcd. */
export async function startEtcd(size = 1, tls: EtcdTlsFiles | null = null): Promise<EtcdCluster> {
  const program = findEtcd();
  if (program === null) throw new Error('there is no etcd: set UNDERMOON_ETCD to one');
  const ports = await freePorts(3 * size);
  const names = Array.from({ length: size }, (_, index) => `m${index}`);
  const peerUrl = (index: number): string => `http://127.0.0.1:${ports[3 * index + 1] ?? 0}`;
  const cluster = names.map((name, index) => `${name}=${peerUrl(index)}`).join(',');
  const members = await Promise.all(
    names.map(async (name, index) => {
      const port = ports[3 * index] ?? 0;
      const healthPort = ports[3 * index + 2] ?? 0;
      const relay = await startFaultRelay({ target: { port } });
      const directory = await mkdtemp(path.join(tmpdir(), 'undermoon-etcd-'));
      return new EtcdMember(
        { program, name, port, healthPort, peerUrl: peerUrl(index), cluster, directory, tls },
        relay,
      );
    }),
  );
  await Promise.all(members.map((member) => member.start()));
  return {
    members,
    endpoints: members.map(({ endpoint }) => endpoint),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(members.map((member) => member.dispose()));
    },
  };
}

interface EtcdMemberOptions {
  readonly program: string;
  readonly name: string;
  readonly port: number;
  readonly healthPort: number;
  readonly peerUrl: string;
  readonly cluster: string;
  readonly directory: string;
  readonly tls: EtcdTlsFiles | null;
}

/** One member of an etcd cluster. */
export class EtcdMember {
  readonly relay: FaultRelay;
  readonly #options: EtcdMemberOptions;
  #child: ChildProcess | null = null;
  #forget: () => void = () => undefined;

  constructor(options: EtcdMemberOptions, relay: FaultRelay) {
    this.#options = options;
    this.relay = relay;
  }

  /** Its URL by way of its relay. */
  get endpoint(): string {
    return `${this.#options.tls === null ? 'http' : 'https'}://${this.relay.address}`;
  }

  /** Where the other members reach it. */
  get peerUrl(): string {
    return this.#options.peerUrl;
  }

  /**
   * Starts the process (again), with the data that it had. Resolves when it serves. One that is `added` joins members
   * that run already, which have been told of it.
   */
  async start({ added = false }: { readonly added?: boolean } = {}): Promise<void> {
    const { program, name, port, healthPort, peerUrl, cluster, directory, tls } = this.#options;
    const clientUrl = `${tls === null ? 'http' : 'https'}://127.0.0.1:${port}`;
    const healthUrl = `http://127.0.0.1:${healthPort}`;
    const flags = {
      name,
      'data-dir': path.join(directory, 'data'),
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'initial-cluster': cluster,
      'initial-cluster-state': added ? 'existing' : 'new',
      'listen-metrics-urls': healthUrl,
      ...tlsFlagsOf(tls),
      'log-level': 'error',
    };
    const argv = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const child = spawn(program, argv, { stdio: 'ignore' });
    this.#child = child;
    this.#forget = onProcessExit(() => child.kill('SIGKILL'));
    const giveUpAt = performance.now() + READY_MS_MAX;
    while (!(await isHealthy(healthUrl))) {
      if (child.exitCode !== null || performance.now() > giveUpAt) {
        throw new Error(`etcd ${name} does not serve (exit code ${child.exitCode})`);
      }
      await delay(READY_POLL_MS);
    }
  }

  /** Ends the process at once; its data stays. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    child.kill('SIGKILL');
    child.kill('SIGCONT');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    this.#forget();
  }

  /** Sends a signal, such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Removes all data of a member that does not run. */
  async wipe(): Promise<void> {
    await rm(path.join(this.#options.directory, 'data'), { recursive: true, force: true });
  }

  async dispose(): Promise<void> {
    await this.kill();
    await this.relay.close();
    await rm(this.#options.directory, { recursive: true, force: true });
  }
}

function tlsFlagsOf(tls: EtcdTlsFiles | null): Record<string, string> {
  if (tls === null) return {};
  const { caFile, certFile, keyFile, asksClients } = tls;
  return {
    'cert-file': certFile,
    'key-file': keyFile,
    'trusted-ca-file': caFile,
    'client-cert-auth': String(asksClients),
  };
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) });
    return (await response.text()).includes('"true"');
  } catch {
    return false;
  }
}
