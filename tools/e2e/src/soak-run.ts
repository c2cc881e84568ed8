import { clusterDocument } from './broker-http.ts';
import { memberAddresses, untilHealthy } from './cluster-state.ts';
import { describeReport, FaultDrill, RECOVERY_MS_MAX } from './fault-drill.ts';
import { openIoredis } from './ioredis-client.ts';
import { openNodeRedis } from './node-redis-client.ts';
import { proxyEpoch } from './node-facts.ts';
import { startProgramCluster, type ProgramCluster } from './program-cluster.ts';
import { failedProxies, freeze, thaw } from './proxy-signals.ts';
import { isAlive, killProxy, type ProxyPart } from './running-cluster.ts';
import { seededRandom, type SeededRandom } from '@undermoon/testkit';
import { until } from './until.ts';

// A frozen node neither answers nor closes its connections, so applications set a time limit.
const COMMAND_TIMEOUT_MS = 1000;
const REPAIR_MS = 20_000;
const CALM_MS = 1500;

/** How long and with what a soak runs. */
export interface SoakOptions {
  readonly seed: number;
  /** As `ProgramClusterOptions.port`. */
  readonly port: number;
  readonly client: 'ioredis' | 'node-redis';
  /** Asked before each round, with the number of rounds done. */
  readonly hasMore: (rounds: number) => boolean;
  /** Told what happens, in lines for people. */
  readonly note: (line: string) => void;
}

/** What a soak went through without a failure. */
export interface SoakResult {
  readonly rounds: number;
  readonly longestOutageMs: number;
  readonly lostWrites: number;
  readonly replies: number;
}

const FAULTS = [
  'proxy and servers killed',
  'proxy killed',
  'proxy frozen',
  'coordinator killed',
  'broker killed',
] as const;

/** Repeats faults on one cluster under work, repairing it after each. Fails at the first broken promise. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const { seed, port, note } = options;
  const cluster = await startProgramCluster({ port });
  try {
    return await soak(cluster, options);
  } catch (error) {
    note(cluster.logTails());
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`seed ${seed}: ${reason}`, { cause: error });
  } finally {
    await cluster.stop();
  }
}

async function soak(cluster: ProgramCluster, options: SoakOptions): Promise<SoakResult> {
  const { seed, client: kind, hasMore, note } = options;
  const nodes = cluster.proxies.map(({ address }) => address);
  // node-redis looks for another node only when a connection closes: no frozen proxies for it.
  const client = await (kind === 'ioredis'
    ? openIoredis({ nodes, protocol: 3, commandTimeoutMs: COMMAND_TIMEOUT_MS })
    : openNodeRedis({ nodes, protocol: 3 }));
  const faults = kind === 'ioredis' ? FAULTS : FAULTS.filter((fault) => fault !== 'proxy frozen');
  const drill = new FaultDrill({ cluster, client, seed, label: 'soak' });
  const random = seededRandom(seed).fork('faults');
  const result = { rounds: 0, longestOutageMs: 0, lostWrites: 0, replies: 0 };
  try {
    await drill.calm(CALM_MS);
    while (hasMore(result.rounds)) {
      result.rounds += 1;
      const fault = random.pick(faults);
      note(`round ${result.rounds}: ${fault}`);
      const report = await strike({ cluster, drill, random }, fault);
      if (report !== null) {
        note(`  ${describeReport(report)}`);
        result.longestOutageMs = Math.max(result.longestOutageMs, report.outageMs);
        result.lostWrites = report.lostWrites;
      }
      await drill.calm(CALM_MS);
    }
    await drill.finish();
    note(drill.workload.summary());
    return { ...result, replies: drill.workload.stats.replies };
  } finally {
    await drill.abandon();
    await client.close();
  }
}

interface Ground {
  readonly cluster: ProgramCluster;
  readonly drill: FaultDrill;
  readonly random: SeededRandom;
}

type Report = Awaited<ReturnType<FaultDrill['survive']>>;

/** Does one fault and repairs what it broke. Null for faults that no command may notice. */
async function strike(ground: Ground, fault: (typeof FAULTS)[number]): Promise<Report | null> {
  const { cluster, drill, random } = ground;
  switch (fault) {
    case 'proxy and servers killed':
    case 'proxy killed': {
      const withRedis = fault === 'proxy and servers killed';
      return loseMember(ground, (proxy) => killProxy(proxy, { withRedis }));
    }
    case 'proxy frozen':
      return loseMember(ground, (proxy) => Promise.resolve(freeze(proxy.pid)));
    case 'coordinator killed': {
      const index = random.int(cluster.coordinators.length);
      await killOne(cluster.coordinators[index]?.pid ?? -1);
      await drill.calm(CALM_MS);
      await cluster.startCoordinator(index);
      return null;
    }
    case 'broker killed':
      await killOne(cluster.brokerPid);
      await drill.calm(CALM_MS);
      await cluster.startBroker();
      return null;
  }
}

async function killOne(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await until('the process is gone', () => !isAlive(pid), { timeoutMs: 5000 });
}

/** Any member: one that serves slots, or one that only holds copies. */
async function loseMember(
  { cluster, drill, random }: Ground,
  hit: (proxy: ProxyPart) => Promise<number>,
): Promise<Report> {
  const document = await clusterDocument(cluster.brokerUrl, cluster.clusterName);
  const address = random.pick(memberAddresses(document));
  const index = cluster.proxies.findIndex((proxy) => proxy.address === address);
  const proxy = cluster.proxies[index];
  if (proxy === undefined) throw new Error(`no proxy ${address}`);
  const report = await drill.survive({ strike: () => hit(proxy), leaving: address });
  if (report.outageMs > RECOVERY_MS_MAX) {
    throw new Error(`writes failed for ${Math.round(report.outageMs)} ms`);
  }
  await repair(cluster, index);
  return report;
}

/** Brings a lost proxy back as a spare one. */
async function repair(cluster: ProgramCluster, index: number): Promise<void> {
  const { address, pid } = cluster.proxies[index] ?? { address: '', pid: -1 };
  await cluster.startServers(index);
  if (isAlive(pid)) thaw(pid);
  else await cluster.startProxy(index);
  const { epoch } = await clusterDocument(cluster.brokerUrl, cluster.clusterName);
  await until(`${address} has metadata`, async () => (await proxyEpoch(address)) >= epoch, {
    timeoutMs: REPAIR_MS,
  });
  const proxy = cluster.proxies[index];
  if (proxy !== undefined) await cluster.register(proxy);
  const failed = await failedProxies(cluster.brokerUrl);
  if (failed.includes(address)) throw new Error(`${address} is registered but counts as failed`);
  await untilHealthy(cluster, REPAIR_MS);
}
