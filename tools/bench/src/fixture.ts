import type { Cores } from './machine.ts';
import type { MeasuredProcess } from './measured-process.ts';
import { startNutcracker, startUndermoon, type ProxyInstance } from './proxy-target.ts';
import { startRedisInstance, type RedisInstance } from './redis-target.ts';
import type { TargetName, Workload } from './workloads.ts';

/** Files of the proxies. */
export interface Programs {
  readonly undermoon: string;
  /** Another build of undermoon-proxy; null when there is none to compare with. */
  readonly base: string | null;
  /** Null when no workload needs it. */
  readonly nutcracker: string | null;
}

/** Where the requests of a target go, and the processes that serve them. */
export interface Endpoint {
  readonly port: number;
  /** Null: the requests go to Redis itself. */
  readonly proxy: MeasuredProcess | null;
  readonly redis: readonly MeasuredProcess[];
}

export interface FixturePlan {
  readonly programs: Programs;
  readonly cores: Cores;
  readonly workloads: readonly Workload[];
  readonly keyCount: number;
}

type ProxyName = Exclude<TargetName, 'direct' | 'redis-cluster'>;

/** How undermoon is started. */
interface Form {
  readonly threads: number;
  readonly isPlain: boolean;
}

/** All servers of one round. Nothing of an earlier round is left in them. */
export class Fixture {
  readonly #plan: FixturePlan;
  readonly #redis: RedisInstance[] = [];
  #clusterRedis: RedisInstance | null = null;
  readonly #proxies = new Map<string, ProxyInstance>();

  private constructor(plan: FixturePlan) {
    this.#plan = plan;
  }

  /** Starts what the workloads need. */
  static async start(plan: FixturePlan): Promise<Fixture> {
    const fixture = new Fixture(plan);
    try {
      await fixture.#startAll();
    } catch (error) {
      await fixture.stop();
      throw error;
    }
    return fixture;
  }

  /** All processes that belong to the measurement. */
  get processes(): readonly MeasuredProcess[] {
    const cluster = this.#clusterRedis === null ? [] : [this.#clusterRedis];
    return [...this.#redis, ...cluster, ...this.#proxies.values()].map((one) => one.process);
  }

  endpoint(target: TargetName, shards: 1 | 2): Endpoint {
    if (target === 'redis-cluster') {
      if (this.#clusterRedis === null) throw new Error('no Redis Cluster was started');
      return { port: this.#clusterRedis.port, proxy: null, redis: [this.#clusterRedis.process] };
    }
    const servers = this.#redis.slice(0, shards);
    const redis = servers.map((server) => server.process);
    if (target === 'direct') return { port: servers[0]?.port ?? 0, proxy: null, redis };
    const proxy = this.#proxies.get(proxyKey(target, shards));
    if (proxy === undefined) throw new Error(`no ${target} over ${shards} Redis was started`);
    return { port: proxy.port, proxy: proxy.process, redis };
  }

  /** Starts one more instance of a proxy before the first Redis; it is the caller's to stop. */
  startProxy(target: ProxyName, shards: 1 | 2): Promise<ProxyInstance> {
    const { programs, cores } = this.#plan;
    const { form, program } = programOf(target, programs);
    if (program === null) throw new Error(`the program of ${target} is not known`);
    const redisPorts = this.#redis.slice(0, shards).map(({ port }) => port);
    const plan = { program, redisPorts, cores: cores.proxy };
    return target === 'nutcracker' ? startNutcracker(plan) : startUndermoon({ ...plan, ...form });
  }

  async stop(): Promise<void> {
    const cluster = this.#clusterRedis === null ? [] : [this.#clusterRedis];
    const all = [...this.#proxies.values(), ...this.#redis, ...cluster];
    await Promise.all(all.map((one) => one.stop()));
  }

  async #startAll(): Promise<void> {
    const { workloads, cores, keyCount } = this.#plan;
    const shardCount = Math.max(...workloads.map(({ shards }) => shards));
    for (let count = 0; count < shardCount; count += 1) {
      this.#redis.push(await startRedisInstance({ cores: cores.rest, isCluster: false, keyCount }));
    }
    for (const { targets, shards, load } of workloads) {
      for (const target of targets) {
        if (target === 'redis-cluster') {
          this.#clusterRedis ??= await startRedisInstance({
            cores: cores.rest,
            isCluster: true,
            keyCount,
          });
        } else if (target !== 'direct' && (load.kind === 'flood' || load.kind === 'rate')) {
          await this.#startShared(target, shards);
        }
      }
    }
  }

  async #startShared(target: ProxyName, shards: 1 | 2): Promise<void> {
    const key = proxyKey(target, shards);
    if (this.#proxies.has(key)) return;
    this.#proxies.set(key, await this.startProxy(target, shards));
  }
}

/** What is run for a target. */
function programOf(
  target: ProxyName,
  { undermoon, base, nutcracker }: Programs,
): { readonly form: Form; readonly program: string | null } {
  const form = { threads: 1, isPlain: false };
  switch (target) {
    case 'undermoon':
      return { form, program: undermoon };
    case 'undermoon-2-threads':
      return { form: { ...form, threads: 2 }, program: undermoon };
    case 'undermoon-plain':
      return { form: { ...form, isPlain: true }, program: undermoon };
    case 'undermoon-plain-2-threads':
      return { form: { threads: 2, isPlain: true }, program: undermoon };
    case 'base':
      return { form, program: base };
    case 'nutcracker':
      return { form, program: nutcracker };
  }
}

function proxyKey(target: ProxyName, shards: 1 | 2): string {
  return `${target}/${shards}`;
}
