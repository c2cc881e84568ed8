import { coresOf } from '../machine.ts';
import { flood } from '../load.ts';
import type { MeasuredProcess } from '../measured-process.ts';
import { startUndermoon } from '../proxy-target.ts';
import { startRedisInstance } from '../redis-target.ts';
import type { AllocationLoad } from './allocation-loads.ts';
import { askHeap, PROBE_FLAGS } from './heap-question.ts';

/** What the proxy allocated under one load. */
export interface AllocationRow {
  readonly load: AllocationLoad;
  readonly requests: number;
  /** Without what the connections of the load cost. */
  readonly allocatedBytes: number;
  /** Turns of the proxy's event loop. */
  readonly turns: number;
  readonly scavenges: number;
  /** Of heap and external memory, between two collections of all garbage. */
  readonly growthBytes: number;
  /** Who allocated, with bytes per request; empty when that was not asked for. */
  readonly sites: readonly (readonly [string, number])[];
}

export interface AllocationPlan {
  /** The built file of undermoon-proxy. */
  readonly program: string;
  readonly loads: readonly AllocationLoad[];
  /** Each load makes this part of its requests. */
  readonly share: number;
  /** Also find out who allocates. */
  readonly hasSites: boolean;
  readonly keyCount: number;
  readonly onProgress: (load: AllocationLoad) => void;
}

/** More than enough for its code to be compiled; without a pipeline they take longer. */
const WARM_UP_REQUESTS = 200_000;
const WARM_UP_REQUESTS_UNPIPELINED = 40_000;
/** Opens the same connections as a load, and little else. */
const SHORT_REQUESTS = 2000;
const SAMPLED_REQUESTS = 200_000;

/** Counts what one proxy process allocates under each load in turn. */
export async function measureAllocation(plan: AllocationPlan): Promise<readonly AllocationRow[]> {
  const cores = coresOf('pinned');
  const { program, keyCount } = plan;
  const redis = await startRedisInstance({ cores: cores.rest, isCluster: false, keyCount });
  try {
    const proxy = await startUndermoon({
      program,
      cores: cores.proxy,
      redisPorts: [redis.port],
      nodeFlags: PROBE_FLAGS,
      hasChannel: true,
    });
    try {
      const target = {
        process: proxy.process,
        make: async ({ part }: AllocationLoad, requests: number): Promise<void> => {
          await flood([part], requests, { port: proxy.port, cores: cores.rest });
        },
      };
      // All before the first is measured: whatever code a load needs is compiled by then.
      for (const load of plan.loads) {
        const isPipelined = load.part.pipeline > 1;
        await target.make(load, isPipelined ? WARM_UP_REQUESTS : WARM_UP_REQUESTS_UNPIPELINED);
      }
      const rows: AllocationRow[] = [];
      for (const load of plan.loads) {
        plan.onProgress(load);
        rows.push(await measureLoad(load, target, plan));
      }
      return rows;
    } finally {
      await proxy.stop();
    }
  } finally {
    await redis.stop();
  }
}

interface Target {
  readonly process: MeasuredProcess;
  make(load: AllocationLoad, requests: number): Promise<void>;
}

async function measureLoad(
  load: AllocationLoad,
  target: Target,
  { share, hasSites }: AllocationPlan,
): Promise<AllocationRow> {
  const requests = Math.ceil(load.requests * share);
  const short = await count(load, SHORT_REQUESTS, target);
  const before = await askHeap(target.process, 'collect');
  const long = await count(load, requests, target);
  const after = await askHeap(target.process, 'collect');
  return {
    load,
    requests,
    allocatedBytes: Math.max(0, long.allocatedBytes - short.allocatedBytes),
    turns: Math.max(0, long.turns - short.turns),
    scavenges: long.scavenges,
    growthBytes: after.heapBytes + after.externalBytes - before.heapBytes - before.externalBytes,
    sites: hasSites ? await sitesOf(load, target) : [],
  };
}

async function count(load: AllocationLoad, requests: number, target: Target) {
  await askHeap(target.process, 'start');
  await target.make(load, requests);
  return askHeap(target.process, 'stop');
}

async function sitesOf(load: AllocationLoad, target: Target): Promise<AllocationRow['sites']> {
  await askHeap(target.process, 'sample');
  await target.make(load, SAMPLED_REQUESTS);
  const { sites } = await askHeap(target.process, 'sampled');
  return sites.map(([site, bytes]) => [site, bytes / SAMPLED_REQUESTS]);
}
