import type { Epoch, NodeAddress, ReplEntry } from '@undermoon/cluster-meta';
import type { CancelTimer, Clock } from '@undermoon/runtime';
import {
  carriedOver,
  isSameReplicas,
  type LocalReplica,
  type NodeSlots,
  parseNodeSlots,
  replicaSlotsOf,
} from '../core/replica-slots.ts';
import { masterOf } from '../core/replication.ts';
import { EMPTY_TABLE, type ReplicaSlots, type RoutingTable } from '../core/routing-table.ts';
import { RedisControlClient } from './redis-control-client.ts';

const ASK = ['UMCTL', 'NODESLOTS'] as const;

export interface ReplicaRoutesOptions {
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** First pause before a proxy that has other metadata, or does not answer, is asked again; it doubles. */
  readonly retryMinMs: number;
  readonly checkIntervalMs: number;
  /** The table with the copies that can be read. */
  readonly onTable: (table: RoutingTable) => void;
}

/**
 * Finds out which slots the replicas beside this proxy have copies of: by the wanted roles, and by what the proxies of their
 * masters say about the places of their slots. Nothing is read from a copy while that is not known by the
 * metadata of now.
 */
export class ReplicaRoutes {
  readonly #options: ReplicaRoutesOptions;
  readonly #askers = new Map<NodeAddress, SlotsAsker>();
  #known = new Map<NodeAddress, NodeSlots>();
  #following = new Map<NodeAddress, LocalReplica>();
  /** What is to be a master, though it may be read as a copy until there is another table. */
  #promoted: ReadonlySet<NodeAddress> = new Set();
  #copies: readonly NodeAddress[] = [];
  #table: RoutingTable = EMPTY_TABLE;
  #replicas: ReplicaSlots | null = null;
  #isRunning = false;

  constructor(options: ReplicaRoutesOptions) {
    this.#options = options;
  }

  /** Takes another table, and passes it on. */
  setTable(table: RoutingTable): void {
    const known = new Map<NodeAddress, NodeSlots>();
    for (const [proxy, said] of this.#known) {
      const isOfNow = said.epoch === table.epoch && said.epoch !== this.#table.epoch;
      const kept = isOfNow ? said : carriedOver(said, proxy, this.#table, table);
      if (kept !== null) known.set(proxy, kept);
    }
    this.#known = known;
    this.#table = table;
    for (const node of this.#promoted) this.#following.delete(node);
    this.#promoted = new Set();
    this.#replicas = this.#found();
    this.#options.onTable({ ...table, replicas: this.#replicas });
    this.#askAll();
  }

  /** Takes the wanted roles of the servers beside this proxy. */
  setRoles(entries: readonly ReplEntry[]): void {
    const following = new Map<NodeAddress, LocalReplica>();
    const promoted = new Set<NodeAddress>();
    for (const entry of entries) {
      const { nodeAddress: node, role } = entry;
      const peer = masterOf(entry);
      const before = this.#following.get(node);
      if (peer !== null) {
        following.set(node, { node, master: peer.nodeAddress, masterProxy: peer.proxyAddress });
      } else if (role === 'master' && before !== undefined) {
        following.set(node, before);
        promoted.add(node);
      }
    }
    this.#following = following;
    this.#promoted = promoted;
    this.#update();
    this.#askAll();
  }

  /** Takes the servers that are in step with their masters, or were when they were reached last. */
  setCopies(nodes: readonly NodeAddress[]): void {
    this.#copies = nodes;
    this.#update();
  }

  start(): void {
    this.#isRunning = true;
    this.#askAll();
  }

  /** Safe to call twice. */
  stop(): void {
    this.#isRunning = false;
    for (const asker of this.#askers.values()) asker.stop();
    this.#askers.clear();
  }

  #found(): ReplicaSlots | null {
    const copies = [...this.#following.values()].filter(({ node }) => this.#copies.includes(node));
    return replicaSlotsOf(this.#table, copies, this.#known);
  }

  #update(): void {
    const replicas = this.#found();
    if (isSameReplicas(replicas, this.#replicas)) return;
    this.#replicas = replicas;
    this.#options.onTable({ ...this.#table, replicas });
  }

  #askAll(): void {
    const isMember = this.#table.clusterName !== null && this.#isRunning;
    const followed = isMember ? [...this.#following.values()] : [];
    const proxies = new Set(followed.map(({ masterProxy }) => masterProxy));
    for (const [proxy, asker] of this.#askers) {
      if (proxies.has(proxy)) continue;
      asker.stop();
      this.#askers.delete(proxy);
      this.#known.delete(proxy);
    }
    for (const proxy of proxies) {
      const known = this.#askers.get(proxy);
      const asker =
        known ?? new SlotsAsker(proxy, this.#options, (said) => this.#note(proxy, said));
      this.#askers.set(proxy, asker);
      asker.want(this.#table.epoch);
    }
  }

  #note(proxy: NodeAddress, said: NodeSlots): void {
    // Older than what is known: what was carried over is by the metadata of now.
    if (said.epoch < this.#table.epoch) return;
    this.#known.set(proxy, said);
    this.#update();
  }
}

/** Asks one proxy until it has answered by the metadata that is wanted. */
class SlotsAsker {
  readonly #options: ReplicaRoutesOptions;
  readonly #client: RedisControlClient;
  readonly #onSaid: (said: NodeSlots) => void;
  #wanted: Epoch | null = null;
  #isBusy = false;
  #isStopped = false;
  #retryMs: number;
  #cancelTimer: CancelTimer = () => undefined;

  constructor(
    proxy: NodeAddress,
    options: ReplicaRoutesOptions,
    onSaid: (said: NodeSlots) => void,
  ) {
    const { clock, connectTimeoutMs, commandTimeoutMs } = options;
    this.#options = options;
    this.#onSaid = onSaid;
    this.#retryMs = options.retryMinMs;
    this.#client = new RedisControlClient({
      address: proxy,
      clock,
      connectTimeoutMs,
      commandTimeoutMs,
      // UMCTL wants no password.
      credentials: null,
      onDown: () => undefined,
    });
  }

  /** Asks anew: there is other metadata, or there are other roles. */
  want(epoch: Epoch): void {
    this.#wanted = epoch;
    this.#retryMs = this.#options.retryMinMs;
    this.#cancelTimer();
    // Nothing in it rejects: failures of the proxy are values.
    if (!this.#isBusy) void this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#client.destroy();
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    const said = await this.#ask();
    this.#isBusy = false;
    if (this.#isStopped) return;
    if (said !== null) this.#onSaid(said);
    // A proxy that is ahead tells the same again once the metadata is here, so that is no reason to ask.
    if (said !== null && this.#wanted !== null && said.epoch >= this.#wanted) return;
    const { clock, checkIntervalMs } = this.#options;
    const delayMs = Math.min(this.#retryMs, checkIntervalMs);
    this.#retryMs = Math.min(this.#retryMs * 2, checkIntervalMs);
    this.#cancelTimer = clock.after(delayMs, () => {
      if (!this.#isBusy) void this.#run();
    });
  }

  async #ask(): Promise<NodeSlots | null> {
    const opened = await this.#client.connect();
    if (!opened.ok) return null;
    const reply = await this.#client.request(ASK);
    return reply.ok ? parseNodeSlots(reply.value) : null;
  }
}
