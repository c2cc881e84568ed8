import type { Disturbance } from './disturbance.ts';
import { disturbanceOf } from './disturbance.ts';
import type { Endpoint, Fixture } from './fixture.ts';
import { type LatencyHistogram } from './latency-histogram.ts';
import { flood, holdIdle, offerRate } from './load.ts';
import { ownCpuUs, processCpuUs, residentBytes, systemCpu } from './os-counters.ts';
import type { LoadPart } from './redis-benchmark.ts';
import type { Figures } from './samples.ts';
import type { Load, TargetName, Workload } from './workloads.ts';

/** How long things take. */
export interface Pace {
  /** Of one sample at full speed. */
  readonly sampleMs: number;
  /** Instead of `sampleMs`: so many requests, without finding out how many fit. */
  readonly requests: number | null;
  /** Of one slice of a sample at a fixed rate. */
  readonly rateWarmUpMs: number;
  readonly rateMs: number;
}

/** One measurement of a target: a sample, or a slice of one. */
export interface Measured {
  readonly figures: Figures;
  readonly disturbance: Disturbance;
  /** Of all requests, where they are known one by one. */
  readonly latencies: LatencyHistogram | null;
}

export interface MeasureContext {
  readonly fixture: Fixture;
  readonly loadCores: string;
  readonly pace: Pace;
}

/** Measures one target under one workload, once. */
export async function measure(
  { load, shards }: Workload,
  target: TargetName,
  context: MeasureContext,
): Promise<Measured> {
  switch (load.kind) {
    case 'flood':
      return measureFlood(load.parts, context.fixture.endpoint(target, shards), context);
    case 'rate':
      return measureRate(load, context.fixture.endpoint(target, shards), context);
    case 'cold':
      return measureCold(load, target, context);
    case 'idle':
      return measureIdle(load.connections, target, context);
  }
}

const WARM_UP: readonly (readonly [requests: number, part: LoadPart])[] = [
  [60_000, warmUpPart(16, ['GET', 'v64:__rand_int__'])],
  [60_000, warmUpPart(16, ['SET', 'v64:__rand_int__', 'v'.repeat(64)])],
  [30_000, warmUpPart(1, ['GET', 'v64:__rand_int__'])],
  [60_000, warmUpPart(16, ['GET', 'v64:__rand_int__'])],
];

/** Makes a new process as fast as it gets. */
export async function warmUp(
  endpoint: Endpoint,
  { loadCores, pace }: MeasureContext,
): Promise<void> {
  for (const [requests, part] of WARM_UP) {
    await flood([part], pace.requests ?? requests, { port: endpoint.port, cores: loadCores });
  }
}

function warmUpPart(pipeline: number, words: readonly string[]): LoadPart {
  return { connections: 50, pipeline, words, isKeptAlive: true };
}

/**
 * Each connection that was closed blocks its port for a second. The kernel takes one half of its 28,000 ports before
 * the other, and once they are gone it looks through all of them for each connection, at the cost of the load's core.
 */
const RECONNECTS_MAX = 10_000;

async function measureFlood(
  parts: readonly LoadPart[],
  endpoint: Endpoint,
  { fixture, loadCores, pace }: MeasureContext,
): Promise<Measured> {
  const aim = { port: endpoint.port, cores: loadCores };
  const requests = pace.requests ?? (await requestsFor(parts, aim, pace.sampleMs));
  const meter = new Meter(endpoint, fixture);
  const { rps, p50Ms, p99Ms, maxMs } = await flood(parts, requests, aim);
  return meter.stop(requests, { rps, p50Ms, p99Ms, maxMs });
}

/** How many requests take the time of a sample. Finding out warms up what the sample measures. */
export async function requestsFor(
  parts: readonly LoadPart[],
  aim: { readonly port: number; readonly cores: string },
  sampleMs: number,
): Promise<number> {
  const [{ pipeline, isKeptAlive } = { pipeline: 1, isKeptAlive: true }] = parts;
  const trial = isKeptAlive ? 5000 + 3000 * (pipeline - 1) : 2000;
  const { rps } = await flood(parts, trial, aim);
  const requests = Math.round((rps * sampleMs) / 1000);
  return isKeptAlive ? requests : Math.min(requests, RECONNECTS_MAX);
}

async function measureRate(
  { requestsPerSecond, connections }: Extract<Load, { readonly kind: 'rate' }>,
  endpoint: Endpoint,
  { fixture, loadCores, pace }: MeasureContext,
): Promise<Measured> {
  let meter: Meter | null = null;
  const job = {
    port: endpoint.port,
    connections,
    requestsPerSecond,
    warmUpMs: pace.rateWarmUpMs,
    measureMs: pace.rateMs,
  };
  const result = await offerRate(job, loadCores, (generatorPid) => {
    meter = new Meter(endpoint, fixture, generatorPid);
  });
  if (meter === null) throw new Error('the load generator did not measure');
  const { latencies, lateShare } = result;
  const measured = (meter as Meter).stop(latencies.count, latencyFigures(latencies), lateShare);
  return { ...measured, latencies };
}

/** What is told of the latencies of requests. */
export function latencyFigures(latencies: LatencyHistogram): Figures {
  if (latencies.count === 0) return {};
  return {
    p50Ms: latencies.quantileUs(0.5) / 1000,
    p99Ms: latencies.quantileUs(0.99) / 1000,
    p999Ms: latencies.quantileUs(0.999) / 1000,
    maxMs: latencies.maxUs / 1000,
  };
}

async function measureCold(
  { part, requests: usual }: Extract<Load, { readonly kind: 'cold' }>,
  target: TargetName,
  { fixture, loadCores, pace }: MeasureContext,
): Promise<Measured> {
  if (target === 'direct' || target === 'redis-cluster') throw new Error(`${target} is no proxy`);
  const requests = pace.requests ?? usual;
  const proxy = await fixture.startProxy(target, 1);
  try {
    const endpoint = { ...fixture.endpoint('direct', 1), proxy: proxy.process };
    const meter = new Meter(endpoint, fixture);
    const aim = { port: proxy.port, cores: loadCores };
    const { rps, p50Ms, p99Ms, maxMs } = await flood([part], requests, aim);
    return meter.stop(requests, { rps, p50Ms, p99Ms, maxMs, startMs: proxy.startMs });
  } finally {
    await proxy.stop();
  }
}

/** Memory, which no other process changes: nothing disturbs it. */
async function measureIdle(
  connections: number,
  target: TargetName,
  context: MeasureContext,
): Promise<Measured> {
  const { fixture, loadCores } = context;
  const fresh =
    target === 'direct' || target === 'redis-cluster' ? null : await fixture.startProxy(target, 1);
  try {
    const { port, redis } = fixture.endpoint('direct', 1);
    const server = fresh?.process ?? redis[0];
    if (server === undefined) throw new Error('no Redis was started');
    const endpoint = { port: fresh?.port ?? port, proxy: server, redis };
    await warmUp(endpoint, context);
    const before = residentBytes(server.pid);
    const holder = await holdIdle(connections, { port: endpoint.port, cores: loadCores });
    const after = residentBytes(server.pid);
    await holder.stop();
    const connectionBytes = (after - before) / connections;
    const memory = fresh === null ? { redisRssBytes: after } : { proxyRssBytes: after };
    return {
      figures: { connectionBytes, ...memory },
      disturbance: { otherCores: 0, stealCores: 0, lateShare: 0 },
      latencies: null,
    };
  } finally {
    await fresh?.stop();
  }
}

/** CPU time from its construction to `stop`. */
class Meter {
  readonly #endpoint: Endpoint;
  readonly #fixture: Fixture;
  readonly #before: ReturnType<typeof readCounters>;

  /** A load generator that runs already is named, as its time until now must not count. */
  constructor(endpoint: Endpoint, fixture: Fixture, generatorPid?: number) {
    this.#endpoint = endpoint;
    this.#fixture = fixture;
    this.#before = readCounters(endpoint, fixture, generatorPid);
  }

  stop(requests: number, found: Figures, lateShare = 0): Measured {
    const before = this.#before;
    const after = readCounters(this.#endpoint, this.#fixture);
    const { proxy, redis } = this.#endpoint;
    const figures = {
      ...found,
      redisCpuUs: (after.redisUs - before.redisUs) / requests,
      redisRssBytes: sum(redis.map(({ pid }) => residentBytes(pid))),
      ...(proxy === null
        ? {}
        : {
            proxyCpuUs: (after.proxyUs - before.proxyUs) / requests,
            proxyRssBytes: residentBytes(proxy.pid),
          }),
    };
    const disturbance = disturbanceOf({
      wallUs: after.wallUs - before.wallUs,
      busyUs: after.busyUs - before.busyUs,
      stealUs: after.stealUs - before.stealUs,
      oursUs: after.oursUs - before.oursUs,
      lateShare,
    });
    return { figures, disturbance, latencies: null };
  }
}

function readCounters(endpoint: Endpoint, fixture: Fixture, generatorPid?: number) {
  const pids = new Set(fixture.processes.map(({ pid }) => pid));
  if (endpoint.proxy !== null) pids.add(endpoint.proxy.pid);
  if (generatorPid !== undefined) pids.add(generatorPid);
  const cpuUs = new Map([...pids].map((pid) => [pid, processCpuUs(pid)]));
  return {
    wallUs: performance.now() * 1000,
    proxyUs: cpuUs.get(endpoint.proxy?.pid ?? -1) ?? 0,
    redisUs: sum(endpoint.redis.map(({ pid }) => cpuUs.get(pid) ?? 0)),
    oursUs: ownCpuUs() + sum([...cpuUs.values()]),
    ...systemCpu(),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
