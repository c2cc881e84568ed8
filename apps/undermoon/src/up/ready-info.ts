import type { LaunchedCluster } from './launch.ts';
import type { ClusterPlan } from './plan.ts';

/** A listening process. */
export interface ReadyProcess {
  readonly address: string;
  readonly pid: number;
}

/** The object that `--json` prints first. Its members are part of the command's contract. */
export interface ReadyInfo {
  readonly event: 'ready';
  /** The broker's URL. */
  readonly broker: string;
  readonly brokerPid: number;
  readonly cluster: string;
  readonly coordinators: readonly ReadyProcess[];
  readonly proxies: readonly (ReadyProcess & {
    /** Where clients find it as a replica. */
    readonly replicaAddress: string;
    readonly host: string;
    readonly redis: readonly ReadyProcess[];
  })[];
  readonly engine: string;
  readonly dir: string;
  readonly pid: number;
  readonly startedInMs: number;
}

/** The broker's URL. */
export function brokerUrlOf(plan: ClusterPlan): string {
  return `http://${plan.broker.address}`;
}

/** Describes what was started. */
export function readyInfoOf(
  plan: ClusterPlan,
  launched: LaunchedCluster,
  run: Pick<ReadyInfo, 'engine' | 'dir' | 'pid' | 'startedInMs'>,
): ReadyInfo {
  return {
    event: 'ready',
    broker: brokerUrlOf(plan),
    brokerPid: launched.broker.pid,
    cluster: plan.cluster,
    coordinators: launched.coordinators.map(processOf),
    proxies: launched.proxies.map(({ plan: { host, replicaAddress }, child, redis }) => ({
      ...processOf(child),
      replicaAddress,
      host,
      redis: redis.map(processOf),
    })),
    ...run,
  };
}

function processOf({ spec, pid }: LaunchedCluster['broker']): ReadyProcess {
  return { address: spec.address, pid };
}

/** What a person is told when the cluster is ready. `self` is how this program is called. */
export function readyText(info: ReadyInfo, members: readonly string[], self: string): string {
  const seed = members[0] ?? '';
  const port = seed.slice(seed.lastIndexOf(':') + 1);
  const victim = info.proxies.find(({ address }) => address === seed);
  const kill =
    victim === undefined ? '' : [victim, ...victim.redis].map(({ pid }) => pid).join(' ');
  const spares = info.proxies
    .map(({ address }) => address)
    .filter((address) => !members.includes(address));
  const lines = [
    `Cluster ${info.cluster} is ready, ${(info.startedInMs / 1000).toFixed(1)} s after the start.`,
    '',
    `  proxies       ${members.join(' ')}`,
    ...(spares.length === 0 ? [] : [`  spare         ${spares.join(' ')}`]),
    `  broker        ${info.broker}`,
    `  coordinators  ${info.coordinators.map(({ address }) => address).join(' ')}`,
    `  servers       ${info.engine}`,
    `  folder        ${info.dir} (logs in logs/, emptied at the next start)`,
    '',
    'Try:',
    `  redis-cli -c -p ${port} set greeting hello`,
    `  redis-benchmark --cluster -p ${port} -t get,set -n 200000 -c 50 -P 16 -q`,
    `  ${self} status --broker ${info.broker}`,
    `  kill -9 ${kill}     # a proxy and its Redis servers: watch the failover`,
    '',
    'Ctrl-C stops everything.',
  ];
  return lines.join('\n');
}
