import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { flood } from '../load.ts';
import { coresOf } from '../machine.ts';
import { requestsFor } from '../measure.ts';
import { processCpuUs } from '../os-counters.ts';
import { startUndermoon, type ProxyInstance } from '../proxy-target.ts';
import { startRedisInstance } from '../redis-target.ts';
import type { LoadPart } from '../redis-benchmark.ts';
import { findModules } from './built-modules.ts';
import { addSample, emptyTree, type CallNode } from './call-tree.ts';
import { recordWhile, samplesOf } from './record.ts';
import { ShareCounter, type Share } from './shares.ts';

/** One workload to profile. */
export interface ProfileLoad {
  readonly name: string;
  readonly title: string;
  readonly parts: readonly LoadPart[];
}

/** Where the time of the proxy goes under one workload. */
export interface Profile {
  readonly name: string;
  readonly title: string;
  /** CPU time of the proxy for each request, in µs, while nothing was recorded. */
  readonly cpuUs: number;
  readonly sampleCount: number;
  readonly shares: readonly Share[];
  readonly tree: CallNode;
}

export interface ProfilePlan {
  /** The built file of undermoon-proxy. */
  readonly program: string;
  readonly loads: readonly ProfileLoad[];
  readonly perf: string;
  /** What perf counts: see `chooseEvent`. */
  readonly event: string;
  /** How long each load lasts while it is recorded. */
  readonly recordMs: number;
  /** Functions are not compiled into their callers: each shows for itself, and the whole is slower. */
  readonly isSplit: boolean;
  readonly keyCount: number;
  readonly onProgress: (load: ProfileLoad) => void;
}

const PLAIN_MS = 1500;
/** Parts below are left out of the shares. */
const LEAST_SHARE = 0.003;
/** Lets perf name compiled JavaScript. It costs nothing but the file that names are written to. */
const NAMING_FLAGS = ['--perf-basic-prof'];
const SPLIT_FLAGS = ['--no-turbo-inlining'];

/** Profiles each load in turn, each with a new proxy. */
export async function measureProfiles(plan: ProfilePlan): Promise<readonly Profile[]> {
  const { rest, proxy: proxyCores } = coresOf('pinned');
  const { program, keyCount } = plan;
  const redis = await startRedisInstance({ cores: rest, isCluster: false, keyCount });
  try {
    const profiles: Profile[] = [];
    for (const load of plan.loads) {
      plan.onProgress(load);
      const proxy = await startUndermoon({
        program,
        cores: proxyCores,
        redisPorts: [redis.port],
        nodeFlags: [...NAMING_FLAGS, ...(plan.isSplit ? SPLIT_FLAGS : [])],
      });
      try {
        profiles.push(await measureProfile(load, proxy, plan));
      } finally {
        await proxy.stop();
        rmSync(`/tmp/perf-${proxy.process.pid}.map`, { force: true });
      }
    }
    return profiles;
  } finally {
    await redis.stop();
  }
}

async function measureProfile(
  { name, title, parts }: ProfileLoad,
  proxy: ProxyInstance,
  plan: ProfilePlan,
): Promise<Profile> {
  const { pid } = proxy.process;
  const aim = { port: proxy.port, cores: coresOf('pinned').rest };
  const load = async (ms: number): Promise<number> => {
    const requests = await requestsFor(parts, aim, ms);
    const before = processCpuUs(pid);
    await flood(parts, requests, aim);
    return (processCpuUs(pid) - before) / requests;
  };
  // The first warms up: it is all that the code is compiled in.
  await load(PLAIN_MS);
  const cpuUs = await load(PLAIN_MS);
  const folder = mkdtempSync(path.join(tmpdir(), 'undermoon-bench-profile-'));
  try {
    const file = path.join(folder, 'perf.data');
    await recordWhile({ perf: plan.perf, event: plan.event, pid, file }, async () => {
      await load(plan.recordMs);
    });
    const counter = new ShareCounter(findModules(builtFiles(plan.program)));
    const tree = emptyTree();
    let sampleCount = 0;
    for await (const sample of samplesOf(plan.perf, file)) {
      counter.add(sample);
      addSample(tree, sample);
      sampleCount += 1;
    }
    if (sampleCount === 0) throw new Error(`perf took no samples of ${name}`);
    return { name, title, cpuUs, sampleCount, shares: counter.shares(LEAST_SHARE), tree };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The program and what it shares with others, by the names of the files. */
function builtFiles(program: string): ReadonlyMap<string, string> {
  const folder = path.dirname(program);
  const names = readdirSync(folder).filter((name) => name.endsWith('.js'));
  return new Map(names.map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]));
}
