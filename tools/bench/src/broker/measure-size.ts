import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { residentBytes } from '../os-counters.ts';
import { startBroker, type BrokerInstance } from './broker-instance.ts';
import {
  buildFleet,
  clusterName,
  fleetOf,
  proxyAddress,
  proxyBody,
  type FleetSize,
} from './fleet.ts';
import { timeDiskSync, timeEach, timingOf, type Timing } from './timing.ts';

/** How much is measured. */
export interface SizePace {
  readonly mutations: number;
  readonly checks: number;
  readonly readsMs: number;
}

/** What a broker with so many proxies does. */
export interface SizeFigures {
  readonly size: FleetSize;
  /** Making a cluster of one chunk, fsync included. */
  readonly create: Timing;
  /** Failing a member over, with a replacement, fsync included. */
  readonly failover: Timing;
  /** Appending 256 bytes and syncing them on the same disk, without any broker. */
  readonly diskSync: Timing;
  /** `GET /proxies/meta/…` of all proxies in turn, compressed. */
  readonly readsPerSecond: number;
  readonly resourceCheck: Timing;
  /** Process start to ready, with this state in the file. */
  readonly startMs: number;
  readonly residentBytes: number;
}

const CONNECTIONS = 64;

/** Starts a broker, fills it, measures it, and starts it again on its file. */
export async function measureSize(plan: {
  readonly program: string;
  readonly cores: string;
  readonly proxies: number;
  readonly pace: SizePace;
}): Promise<SizeFigures> {
  const { program, cores, proxies, pace } = plan;
  const folder = mkdtempSync(path.join(tmpdir(), 'undermoon-bench-broker-'));
  const start = (): Promise<BrokerInstance> => {
    return startBroker({ program, folder, cores, connections: CONNECTIONS });
  };
  let broker = await start();
  try {
    const size = fleetOf(proxies);
    await buildFleet(broker, size);
    await warmUp(broker, proxies);
    const create = await timeCreate(broker, pace.mutations);
    const failover = await timeFailover(broker, pace.mutations);
    const diskSync = timeDiskSync(folder, pace.mutations);
    const readsPerSecond = await countReads(broker, proxies, pace.readsMs);
    const resourceCheck = await timeEach(pace.checks, async () => {
      await broker.ask('POST', '/api/v3/resources/failures/check');
    });
    const memory = residentBytes(broker.process.pid);
    await broker.stop();
    broker = await start();
    const { startMs } = broker;
    const figures = { create, failover, diskSync, readsPerSecond, resourceCheck, startMs };
    return { size, ...figures, residentBytes: memory };
  } finally {
    await broker.process.stop();
    await broker.agent.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

const WARM_UP_CALLS = 200;
const WARM_UP_MUTATIONS = 50;

// A broker runs for months; its first calls are another matter.
async function warmUp(broker: BrokerInstance, proxies: number): Promise<void> {
  for (let index = 0; index < WARM_UP_CALLS; index += 1) {
    await broker.ask('GET', `/api/v3/proxies/meta/${proxyAddress(index % proxies)}`);
  }
  await timeCreate(broker, WARM_UP_MUTATIONS);
  await timeFailover(broker, WARM_UP_MUTATIONS);
  for (let index = 0; index < WARM_UP_MUTATIONS; index += 1) {
    await broker.ask('POST', '/api/v3/resources/failures/check');
  }
}

async function timeCreate(broker: BrokerInstance, count: number): Promise<Timing> {
  const samples: (() => Promise<void>)[] = [];
  for (let index = 0; index < count; index += 1) {
    const cluster = `/api/v3/clusters/meta/new-${index}`;
    samples.push(async () => {
      await broker.ask('POST', cluster, { node_number: 4 });
    });
  }
  // Deleted between two, so that the store keeps its size; that is not counted.
  return timeEachBetween(samples, async (index) => {
    await broker.ask('DELETE', `/api/v3/clusters/meta/new-${index}`);
  });
}

async function timeFailover(broker: BrokerInstance, count: number): Promise<Timing> {
  const members = await membersOf(broker);
  const taken = Array.from({ length: count }, (_, index) => members[index % members.length] ?? '');
  const samples = taken.map((address) => async (): Promise<void> => {
    await broker.ask('POST', `/api/v3/proxies/failover/${address}`);
  });
  return timeEachBetween(samples, async (index) => {
    // Trusted again, it is a spare for the next ones.
    const body = proxyBody(taken[index] ?? '');
    await broker.ask('POST', '/api/v3/proxies/meta', body, [200, 409]);
  });
}

async function timeEachBetween(
  samples: readonly (() => Promise<void>)[],
  between: (index: number) => Promise<void>,
): Promise<Timing> {
  const tookMs: number[] = [];
  for (const [index, sample] of samples.entries()) {
    const startedAt = performance.now();
    await sample();
    tookMs.push(performance.now() - startedAt);
    await between(index);
  }
  return timingOf(tookMs);
}

/** One member of each chunk, so that no chunk is failed over twice in a row. */
async function membersOf(broker: BrokerInstance): Promise<string[]> {
  const members: string[] = [];
  for (let index = 0; index < 20; index += 1) {
    const text = await broker.ask('GET', `/api/v3/clusters/meta/${clusterName(index)}`);
    for (const [, address = ''] of text.matchAll(/"proxy_address":"([^"]+)","slots":\[\{/g)) {
      members.push(address);
    }
  }
  return [...new Set(members)].filter((_, index) => index % 2 === 0);
}

async function countReads(
  broker: BrokerInstance,
  proxies: number,
  durationMs: number,
): Promise<number> {
  const origin = `http://${broker.address}`;
  const headers = { 'accept-encoding': 'gzip' };
  let next = 0;
  let done = 0;
  const startedAt = performance.now();
  const end = startedAt + durationMs;
  const work = async (): Promise<void> => {
    while (performance.now() < end) {
      next += 1;
      const target = `/api/v3/proxies/meta/${proxyAddress(next % proxies)}`;
      const response = await broker.agent.request({ origin, method: 'GET', path: target, headers });
      await response.body.dump();
      if (response.statusCode !== 200) throw new Error(`${target}: ${response.statusCode}`);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  return (done * 1000) / (performance.now() - startedAt);
}
