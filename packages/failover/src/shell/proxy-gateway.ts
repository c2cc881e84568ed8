import type { MigrationTask, NodeAddress, ProxyMeta, Epoch } from '@undermoon/cluster-meta';
import { encodeSetCluster, encodeSetRepl, setClusterOf, setReplOf } from '@undermoon/cluster-meta';
import type { Clock } from '@undermoon/runtime';
import type { PushParts } from '../core/effect.ts';
import type { PushReply } from '../core/event.ts';
import {
  epochReplyOf,
  finishedTasksOf,
  pushRefusalOf,
  pushReplyOf,
} from '../core/proxy-replies.ts';
import type { ServerSight } from '../core/server-sight.ts';
import { serverSightsOf } from '../core/server-sight.ts';
import { FailoverError } from '../errors.ts';
import { isReplyError, ProxyConnection } from './proxy-connection.ts';
import { ProxyLane } from './proxy-lane.ts';

/** What a proxy tells about itself. */
export interface Inspection {
  readonly epoch: Epoch | null;
  readonly tasks: readonly MigrationTask[];
  /** Its Redis servers; null: it did not tell. */
  readonly servers: readonly ServerSight[] | null;
  /** Why an answer could not be used, or null. */
  readonly code: string | null;
}

/** Outcome of a push. With a `code`, the last command failed; `repl` tells how far it came. */
export interface PushResult {
  readonly repl: PushReply | null;
  readonly cluster: PushReply | null;
  readonly code: string | null;
}

/** Settings of the gateway. */
export interface ProxyGatewayOptions {
  readonly clock: Clock;
  /** For connecting, and for each command. */
  readonly timeoutMs: number;
  readonly compress: boolean;
}

/**
 * Talks to proxies over at most two connections each, opened when needed: one for probes only, so that
 * they never wait behind a large document, and one for everything else. A connection that failed or
 * timed out gets no new commands; it closes when those under way have ended.
 */
export class ProxyGateway {
  readonly #options: ProxyGatewayOptions;
  readonly #lanes = new Map<NodeAddress, { readonly probe: ProxyLane; readonly work: ProxyLane }>();
  #isDestroyed = false;

  constructor(options: ProxyGatewayOptions) {
    this.#options = options;
  }

  /** Connections that are open or opening. */
  get connectionCount(): number {
    let count = 0;
    for (const lanes of this.#lanes.values()) count += lanes.probe.size + lanes.work.size;
    return count;
  }

  /** Fulfilled by any reply to PING within the time limit, even an error reply. */
  async ping(address: NodeAddress): Promise<void> {
    const { clock, timeoutMs } = this.#options;
    const lane = this.#lanesOf(address).probe;
    const expiresAt = clock.monotonicMs() + timeoutMs;
    for (;;) {
      const connection = lane.acquire();
      try {
        await connection.call(['PING'], expiresAt - clock.monotonicMs());
        return;
      } catch (error) {
        lane.retireAfter(connection, error);
        if (isReplyError(error)) return;
        // An attempt to connect that an earlier probe began may expire before this probe does.
        const isEarlier = isFailover(error, 'PROXY_TIMEOUT') && clock.monotonicMs() < expiresAt - 1;
        if (!isEarlier || this.#isDestroyed) throw error;
      }
    }
  }

  /** Asks for the epoch of the metadata, for the finished migrations and about the Redis servers. */
  async inspect(address: NodeAddress): Promise<Inspection> {
    const replies = await Promise.allSettled([
      this.#umctl(address, ['GETEPOCH']),
      this.#umctl(address, ['INFOMGR']),
      this.#umctl(address, ['INFOREPL']),
    ]);
    for (const reply of replies) {
      if (reply.status === 'rejected' && !isReplyError(reply.reason)) throw reply.reason;
    }
    const [epochReply, tasksReply, serversReply] = replies;
    const epoch = epochReply.status === 'fulfilled' ? epochReplyOf(epochReply.value) : null;
    const tasks = tasksReply.status === 'fulfilled' ? finishedTasksOf(tasksReply.value) : null;
    // One that does not tell about its servers is not watched for them, and fine otherwise.
    const servers = serversReply.status === 'fulfilled' ? serverSightsOf(serversReply.value) : null;
    const isRefused = epoch === null || tasks === null;
    const wrong = [tasks, servers].find((parsed) => parsed?.ok === false);
    const badCode = wrong?.ok === false ? wrong.code : null;
    return {
      epoch,
      tasks: tasks?.ok === true ? tasks.value : [],
      servers: servers?.ok === true ? servers.value : null,
      code: badCode ?? (isRefused ? 'PROXY_REFUSED' : null),
    };
  }

  /** Sends metadata: SETREPL, and only if that was taken, SETCLUSTER. Does not reject. */
  async push(address: NodeAddress, meta: ProxyMeta, parts: PushParts): Promise<PushResult> {
    const lane = this.#lanesOf(address).work;
    let repl: PushReply | null = null;
    let cluster: PushReply | null = null;
    try {
      if (parts.repl) {
        const words = encodeSetRepl(setReplOf(meta));
        repl = await this.#send(lane, address, ['SETREPL', ...words]);
      }
      if (parts.cluster) {
        const { compress } = this.#options;
        const words = encodeSetCluster(setClusterOf(meta), { compress });
        cluster = await this.#send(lane, address, ['SETCLUSTER', ...words]);
      }
      return { repl, cluster, code: null };
    } catch (error) {
      if (!(error instanceof FailoverError)) throw error;
      return { repl, cluster, code: error.code };
    }
  }

  /** Closes what is open towards a proxy that is no longer known. */
  forget(address: NodeAddress): void {
    const lanes = this.#lanes.get(address);
    this.#lanes.delete(address);
    lanes?.probe.destroy();
    lanes?.work.destroy();
  }

  /** Closes everything. Commands under way fail. */
  destroy(): void {
    this.#isDestroyed = true;
    for (const address of this.#lanes.keys()) this.forget(address);
  }

  async #send(lane: ProxyLane, address: NodeAddress, words: readonly string[]): Promise<PushReply> {
    try {
      return pushReplyOf(await this.#umctl(address, words));
    } catch (error) {
      if (!isReplyError(error)) throw error;
      const refusal = pushRefusalOf(error.message);
      if (refusal.ok) return refusal.value;
      if (refusal.code === 'PROXY_NOT_MY_META') lane.renew();
      throw new FailoverError(refusal.code, `${address}: ${refusal.message}`, error);
    }
  }

  async #umctl(address: NodeAddress, words: readonly string[]): Promise<unknown> {
    const lane = this.#lanesOf(address).work;
    const connection = lane.acquire();
    try {
      await connection.opened;
      return await connection.call(['UMCTL', ...words], this.#options.timeoutMs);
    } catch (error) {
      lane.retireAfter(connection, error);
      throw error;
    }
  }

  #lanesOf(address: NodeAddress): { readonly probe: ProxyLane; readonly work: ProxyLane } {
    if (this.#isDestroyed) throw new FailoverError('CLOSED', 'the coordinator is closed');
    const known = this.#lanes.get(address);
    if (known !== undefined) return known;
    const { clock, timeoutMs } = this.#options;
    const create = (onEnd: () => void): ProxyConnection =>
      new ProxyConnection({ address, clock, timeoutMs, onEnd });
    const lanes = { probe: new ProxyLane(create), work: new ProxyLane(create) };
    this.#lanes.set(address, lanes);
    return lanes;
  }
}

function isFailover(error: unknown, code: FailoverError['code']): boolean {
  return error instanceof FailoverError && error.code === code;
}
