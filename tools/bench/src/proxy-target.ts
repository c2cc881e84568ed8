import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  DEFAULT_CLUSTER_CONFIG,
  encodeSetCluster,
  EPOCH_ZERO,
  nextEpoch,
  NO_TAG,
  parseClusterName,
  parseNodeAddress,
  type NodeAddress,
  type SetCluster,
} from '@undermoon/cluster-meta';
import { SLOT_COUNT } from '@undermoon/slots';
import { startProcess, type MeasuredProcess } from './measured-process.ts';
import { nutcrackerConfig } from './nutcracker-config.ts';
import { takePort } from './ports.ts';
import { untilAnswered } from './redis-command.ts';

/** A proxy before one or two Redis servers. */
export interface ProxyInstance {
  readonly port: number;
  readonly process: MeasuredProcess;
  /** From the start of the process until it served a request. */
  readonly startMs: number;
  stop(): Promise<void>;
}

export interface ProxyPlan {
  readonly cores: string;
  readonly redisPorts: readonly number[];
  /** The built file of undermoon-proxy, or the program nutcracker. */
  readonly program: string;
  /** Event loops of undermoon-proxy; default: 1. */
  readonly threads?: number;
  /** The port is that for clients without cluster support; default: false. */
  readonly isPlain?: boolean;
  /** Of Node.js, for undermoon-proxy; default: none. */
  readonly nodeFlags?: readonly string[];
  /** See `ProcessPlan`; default: false. */
  readonly hasChannel?: boolean;
}

/** Starts undermoon-proxy, with its defaults, and makes it the only member of a cluster. */
export async function startUndermoon(plan: ProxyPlan): Promise<ProxyInstance> {
  const clusterPort = await takePort();
  const { isPlain = false } = plan;
  const port = isPlain ? await takePort() : clusterPort;
  const address = `127.0.0.1:${clusterPort}`;
  return startProxy(port, async (folder) => {
    const { program, cores, threads = 1, nodeFlags = [], hasChannel = false } = plan;
    const args = [...nodeFlags, program, '--address', address, '--clients-max', '20000'];
    // Other builds may not know these settings.
    if (isPlain) args.push('--plain-address', `127.0.0.1:${port}`);
    if (threads > 1) args.push('--thread-number', `${threads}`);
    const server = startProcess({
      command: process.execPath,
      args,
      cores,
      cwd: folder,
      hasChannel,
    });
    const words = encodeSetCluster(wholeCluster(plan.redisPorts), { compress: false });
    await untilAnswered(clusterPort, server, ['UMCTL', 'SETCLUSTER', ...words]);
    return server;
  });
}

/** Starts nutcracker with one pool. */
export async function startNutcracker(plan: ProxyPlan): Promise<ProxyInstance> {
  const port = await takePort();
  return startProxy(port, async (folder) => {
    const file = path.join(folder, 'nutcracker.yml');
    writeFileSync(file, nutcrackerConfig({ port, redisPorts: plan.redisPorts }));
    const statsPort = await takePort();
    const args = ['--conf-file', file, '--stats-addr', '127.0.0.1', '--stats-port', `${statsPort}`];
    // Debian's has a log file of the system as its default.
    args.push('--output', path.join(folder, 'log'));
    return startProcess({ command: plan.program, args, cores: plan.cores, cwd: folder });
  });
}

async function startProxy(
  port: number,
  start: (folder: string) => Promise<MeasuredProcess>,
): Promise<ProxyInstance> {
  const folder = mkdtempSync(path.join(tmpdir(), 'undermoon-bench-proxy-'));
  const startedAt = performance.now();
  const server = await start(folder);
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilAnswered(port, server, ['GET', 'v64:000000000000'], (text) => text !== '');
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, process: server, startMs: performance.now() - startedAt, stop };
}

/** Metadata in which the Redis servers beside the proxy share all slots. */
function wholeCluster(redisPorts: readonly number[]): SetCluster {
  const share = SLOT_COUNT / redisPorts.length;
  return {
    epoch: nextEpoch(EPOCH_ZERO),
    force: false,
    clusterName: mustBe(parseClusterName('bench')),
    local: redisPorts.map((redisPort, index) => ({
      address: localAddress(redisPort),
      slots: [{ ranges: [[index * share, (index + 1) * share - 1]], tag: NO_TAG }],
    })),
    peers: [],
    replicas: null,
    config: DEFAULT_CLUSTER_CONFIG,
    configWarning: null,
  };
}

function localAddress(port: number): NodeAddress {
  return mustBe(parseNodeAddress(`127.0.0.1:${port}`));
}

function mustBe<T>(value: T | null): T {
  if (value === null) throw new TypeError('a constant of the bench is not what it should be');
  return value;
}
