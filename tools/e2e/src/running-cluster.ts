import { readFileSync } from 'node:fs';
import { until } from './until.ts';

/** A Redis server process of a running cluster. */
export interface RedisPart {
  readonly address: string;
  readonly pid: number;
}

/** A proxy process with the Redis servers beside it. */
export interface ProxyPart {
  readonly address: string;
  /** Where clients find it as a replica. */
  readonly replicaAddress: string;
  readonly pid: number;
  readonly host: string;
  readonly redis: readonly RedisPart[];
}

/** A coordinator process. */
export interface CoordinatorPart {
  readonly address: string;
  readonly pid: number;
}

/** A cluster made of real processes, however it was started. */
export interface RunningCluster {
  /** `http://host:port`. */
  readonly brokerUrl: string;
  readonly brokerPid: number;
  readonly clusterName: string;
  readonly coordinators: readonly CoordinatorPart[];
  /** All registered proxies, the spare ones too. */
  readonly proxies: readonly ProxyPart[];
  /** The last lines that the programs logged. */
  logTails(): string;
  /** Ends all processes and removes what they wrote. Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts a cluster. When it does not come up, the error shows what its programs logged, and nothing is left of it. */
export async function startOrExplain<T extends RunningCluster & { start(): Promise<unknown> }>(
  cluster: T,
): Promise<T> {
  try {
    await cluster.start();
    return cluster;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const failure = new Error(`${reason}\n${cluster.logTails()}`, { cause: error });
    await cluster.stop();
    throw failure;
  }
}

/** Sends SIGKILL to a proxy, and to its Redis servers if asked to, and waits for the end of all. Returns the time before the first signal. */
export async function killProxy(
  proxy: ProxyPart,
  { withRedis }: { readonly withRedis: boolean },
): Promise<number> {
  const pids = [proxy.pid, ...(withRedis ? proxy.redis.map(({ pid }) => pid) : [])];
  const killedAt = performance.now();
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await until('the killed processes are gone', () => !pids.some(isAlive), { timeoutMs: 5000 });
  return killedAt;
}

/** Whether a process with this id runs. One that ended and that its parent has not yet asked about does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
  return !isZombie(pid);
}

function isZombie(pid: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return true;
  }
}

/** The port in `host:port`. */
export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
