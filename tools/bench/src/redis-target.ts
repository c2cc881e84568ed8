import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findEngine } from '@undermoon/testkit';
import { startProcess, type MeasuredProcess } from './measured-process.ts';
import { takePort } from './ports.ts';
import { KEY_COUNT } from './redis-benchmark.ts';
import { askRedis, untilAnswered } from './redis-command.ts';
import { PRELOADED } from './workloads.ts';

/** A Redis server that holds all keys of the workloads. */
export interface RedisInstance {
  readonly port: number;
  readonly process: MeasuredProcess;
  stop(): Promise<void>;
}

export interface RedisPlan {
  readonly cores: string;
  /** Runs as a cluster of one node with all slots. */
  readonly isCluster: boolean;
  /** Numbers of each kind of key that are there; default: all. */
  readonly keyCount?: number;
}

export async function startRedisInstance(plan: RedisPlan): Promise<RedisInstance> {
  const port = await takePort();
  const folder = mkdtempSync(path.join(tmpdir(), 'undermoon-bench-redis-'));
  const server = startProcess({
    command: engineLink(folder),
    args: await serverArguments(port, folder, plan.isCluster),
    cores: plan.cores,
    cwd: folder,
  });
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilAnswered(port, server, ['PING']);
    if (plan.isCluster) await takeAllSlots(port, server);
    await preload(port, plan.keyCount ?? KEY_COUNT);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, process: server, stop };
}

/** The path of the Redis server, and the name under which it must be started to be one. */
function engineLink(folder: string): string {
  const engine = findEngine();
  const link = path.join(folder, 'redis-server');
  symlinkSync(engine.path, link);
  return link;
}

async function serverArguments(
  port: number,
  folder: string,
  isCluster: boolean,
): Promise<string[]> {
  const address = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder];
  const limits = ['--maxclients', '20000', '--tcp-backlog', '1024'];
  return [
    ...address,
    ...limits,
    '--save',
    '',
    // The usual port of the cluster bus would lie among those for outgoing connections.
    ...(isCluster ? ['--cluster-enabled', 'yes', '--cluster-port', `${await takePort()}`] : []),
  ];
}

/** A new cluster node takes two seconds before it serves. */
async function takeAllSlots(port: number, server: MeasuredProcess): Promise<void> {
  await askRedis(port, 'CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await untilAnswered(port, server, ['CLUSTER', 'INFO'], (text) => {
    return text.includes('cluster_state:ok');
  });
}

const PRELOAD_SCRIPT =
  "for i = 0, ARGV[1] - 1 do redis.call('SET', ARGV[2] .. string.format('%012d', i), ARGV[3]) end";

async function preload(port: number, keyCount: number): Promise<void> {
  for (const { keyPrefix, valueBytes } of PRELOADED) {
    const value = 'v'.repeat(valueBytes);
    await askRedis(port, 'EVAL', PRELOAD_SCRIPT, '0', `${keyCount}`, keyPrefix, value);
  }
}
