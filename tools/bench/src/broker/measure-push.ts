import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { RawClient } from '@undermoon/testkit';
import { startProcess, type MeasuredProcess } from '../measured-process.ts';
import { takePort } from '../ports.ts';
import { untilAnswered } from '../redis-command.ts';
import { startRedisInstance, type RedisInstance } from '../redis-target.ts';
import { startBroker, type BrokerInstance } from './broker-instance.ts';
import { timingOf, type Timing } from './timing.ts';

export interface PushPlan {
  readonly programs: {
    readonly broker: string;
    readonly coordinator: string;
    readonly proxy: string;
  };
  readonly cores: string;
  readonly mutations: number;
}

/**
 * From the answer to a mutation until the slower proxy of a cluster of one chunk has the new epoch. Broker,
 * coordinator, proxies and Redis servers are real ones, with their defaults.
 */
export async function measurePush(plan: PushPlan): Promise<Timing> {
  const parts = await startParts(plan);
  try {
    const clients = await Promise.all(parts.proxyPorts.map((port) => RawClient.connect({ port })));
    const samples: number[] = [];
    for (let index = 0; index < plan.mutations + WARM_UP; index += 1) {
      const tookMs = await changeAndWait(parts.broker, clients, index);
      if (index >= WARM_UP) samples.push(tookMs);
    }
    for (const client of clients) await client[Symbol.asyncDispose]();
    return timingOf(samples);
  } finally {
    await parts.stop();
  }
}

const WARM_UP = 10;
const PUSH_LIMIT_MS = 10_000;

async function changeAndWait(
  broker: BrokerInstance,
  clients: readonly RawClient[],
  index: number,
): Promise<number> {
  const config = '/api/v3/clusters/config/bench';
  await broker.ask('PATCH', config, { migration_scan_count: `${20 + (index % 2)}` });
  const startedAt = performance.now();
  const epoch = Number(await broker.ask('GET', '/api/v3/epoch'));
  await Promise.all(clients.map((client) => untilEpoch(client, epoch, startedAt)));
  return performance.now() - startedAt;
}

/** Asks again as soon as it was answered: a pause would show in the figures. */
async function untilEpoch(client: RawClient, epoch: number, startedAt: number): Promise<void> {
  for (;;) {
    const reply = await client.command('UMCTL', 'GETEPOCH');
    if (reply.type === 'integer' && Number(reply.value) >= epoch) return;
    if (performance.now() - startedAt > PUSH_LIMIT_MS) throw new Error('no push came');
  }
}

interface Parts {
  readonly broker: BrokerInstance;
  readonly proxyPorts: readonly number[];
  stop(): Promise<void>;
}

async function startParts({ programs, cores }: PushPlan): Promise<Parts> {
  const folder = mkdtempSync(path.join(tmpdir(), 'undermoon-bench-push-'));
  const redis: RedisInstance[] = [];
  const processes: MeasuredProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all([...processes, ...redis].map((one) => one.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const broker = await startBroker({ program: programs.broker, folder, cores, connections: 4 });
    processes.push({ ...broker.process, stop: () => broker.process.stop() });
    const proxyPorts: number[] = [];
    for (const host of ['host-a', 'host-b']) {
      const own = [await startEmptyRedis(cores), await startEmptyRedis(cores)];
      redis.push(...own);
      const port = await takePort();
      proxyPorts.push(port);
      processes.push(startNode(programs.proxy, ['--address', `127.0.0.1:${port}`], cores));
      const nodes = own.map((server) => `127.0.0.1:${server.port}`);
      const body = { proxy_address: `127.0.0.1:${port}`, nodes, host };
      await broker.ask('POST', '/api/v3/proxies/meta', body);
    }
    await broker.ask('POST', '/api/v3/clusters/meta/bench', { node_number: 4 });
    const coordinator = ['--address', '127.0.0.1:0', '--broker-address', broker.address];
    processes.push(startNode(programs.coordinator, coordinator, cores));
    for (const [index, port] of proxyPorts.entries()) {
      const server = processes[index + 1];
      if (server === undefined) throw new Error('a proxy is missing');
      await untilAnswered(port, server, ['UMCTL', 'READY'], (text) => text === '1');
    }
    return { broker, proxyPorts, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startNode(program: string, args: readonly string[], cores: string): MeasuredProcess {
  return startProcess({ command: process.execPath, args: [program, ...args], cores });
}

function startEmptyRedis(cores: string): Promise<RedisInstance> {
  return startRedisInstance({ cores, isCluster: false, keyCount: 0 });
}
