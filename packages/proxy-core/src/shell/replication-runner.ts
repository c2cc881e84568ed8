import type { NodeAddress, ReplEntry } from '@undermoon/cluster-meta';
import type { RespValue } from '@undermoon/resp';
import type { CancelTimer, Clock, Logger, Outcome } from '@undermoon/runtime';
import {
  actionWords,
  healthOf,
  masterOf,
  nextAction,
  NOT_OBSERVED,
  parseRoleReply,
  type ObservedRole,
  type ReplicationAction,
  type ReplicationHealth,
} from '../core/replication.ts';
import { NO_RECORD, recordLook, recordWanted, type ServerRecord } from '../core/server-record.ts';
import {
  RedisControlClient,
  type ControlFailure,
  type RedisCredentials,
} from './redis-control-client.ts';

export interface ReplicationRunnerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often a server in its wanted role is asked for it again. */
  readonly checkIntervalMs: number;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** First pause after a failure; it doubles up to `checkIntervalMs`. */
  readonly retryMinMs: number;
  readonly credentials: RedisCredentials | null;
  /** Other servers than before are what `replicas` returns. */
  readonly onReplicas?: () => void;
}

/** One Redis server beside the proxy: what it should be and what it said last. */
export interface ReplicationStatus {
  readonly wanted: ReplEntry;
  readonly observed: ObservedRole;
  readonly health: ReplicationHealth;
  /** Since it was first found out of reach; 0 while it answers. */
  readonly missedMs: number;
  /** Since there was a complete copy for sure, as `ServerRecord.copiedAt` has it; -1 if that is not known. */
  readonly copiedMs: number;
}

/**
 * Keeps the Redis servers beside the proxy in their wanted roles: one connection each, ROLE on every
 * change of the metadata and then periodically, REPLICAOF when the reply differs from the wanted role.
 *
 * A master is demoted as soon as the metadata says so, without waiting for its slots to leave the routing
 * table or for its successor: for a moment writes may be refused (READONLY), but two masters never accept
 * them longer than the metadata takes to arrive. Replication is asynchronous: what the old master had
 * accepted and its successor had not received is lost when it follows; its offset is in the log line of the
 * change. A master that restarted empty is a master all the same. What is remembered of each server (`ServerRecord`)
 * is for the coordinators, who decide about failovers.
 */
export class ReplicationRunner {
  readonly #options: ReplicationRunnerOptions;
  readonly #workers = new Map<NodeAddress, NodeWorker>();
  #entries: readonly ReplEntry[] = [];
  #isRunning = false;

  constructor(options: ReplicationRunnerOptions) {
    this.#options = options;
  }

  /** Replaces all wanted roles and acts on them at once. A server no longer named is left as it is. */
  apply(entries: readonly ReplEntry[]): void {
    this.#entries = entries;
    if (this.#isRunning) this.#syncWorkers();
  }

  /** Starts connecting. Without it nothing is sent. */
  start(): void {
    this.#isRunning = true;
    this.#syncWorkers();
  }

  /** Closes all connections and timers. Safe to call twice. */
  stop(): void {
    this.#isRunning = false;
    for (const worker of this.#workers.values()) worker.stop();
    this.#workers.clear();
  }

  /** Masters first, then replicas, each in the order of the metadata. */
  statuses(): readonly ReplicationStatus[] {
    const masters = this.#entries.filter((entry) => entry.role === 'master');
    const replicas = this.#entries.filter((entry) => entry.role === 'replica');
    const now = this.#options.clock.monotonicMs();
    return [...masters, ...replicas].map((wanted) => {
      const worker = this.#workers.get(wanted.nodeAddress);
      const observed = worker?.observed ?? NOT_OBSERVED;
      const { missedAt, copiedAt } = worker?.record ?? NO_RECORD;
      return {
        wanted,
        observed,
        health: healthOf(wanted, observed),
        missedMs: missedAt === null ? 0 : Math.max(1, Math.round(now - missedAt)),
        copiedMs: copiedAt === null ? -1 : Math.round(now - copiedAt),
      };
    });
  }

  /**
   * The servers that were in step with their wanted master since they were reached last: an empty server on its way
   * to become a copy is none. One that is to be a master now is still one, until the next roles.
   */
  replicas(): readonly NodeAddress[] {
    return [...this.#workers].filter(([, worker]) => worker.isCopy).map(([address]) => address);
  }

  #syncWorkers(): void {
    const addresses = new Set(this.#entries.map((entry) => entry.nodeAddress));
    for (const [address, worker] of this.#workers) {
      if (addresses.has(address)) continue;
      worker.stop();
      this.#workers.delete(address);
    }
    for (const entry of this.#entries) {
      const worker = this.#workers.get(entry.nodeAddress);
      if (worker === undefined) {
        const created = new NodeWorker(entry, this.#options);
        this.#workers.set(entry.nodeAddress, created);
        created.check();
      } else {
        worker.want(entry);
      }
    }
  }
}

/** One server. Passes run one after another; a pass always acts on the newest wanted role. */
class NodeWorker {
  /** It was in step with its wanted master, and has not been out of reach since. */
  isCopy = false;
  #observed: ObservedRole = NOT_OBSERVED;
  #record: ServerRecord = NO_RECORD;
  readonly #options: ReplicationRunnerOptions;
  readonly #client: RedisControlClient;
  #wanted: ReplEntry;
  #command: 'REPLICAOF' | 'SLAVEOF' = 'REPLICAOF';
  #isBusy = false;
  #isStale = false;
  #isStopped = false;
  #retryMs: number;
  #lastComplaint = '';
  #lastHealth: ReplicationHealth | null = null;
  #cancelTimer: CancelTimer = () => undefined;

  constructor(wanted: ReplEntry, options: ReplicationRunnerOptions) {
    this.#wanted = wanted;
    this.#options = options;
    this.#retryMs = options.retryMinMs;
    this.#client = new RedisControlClient({
      address: wanted.nodeAddress,
      clock: options.clock,
      connectTimeoutMs: options.connectTimeoutMs,
      commandTimeoutMs: options.commandTimeoutMs,
      credentials: options.credentials,
      onDown: () => this.#onDown(),
    });
  }

  get observed(): ObservedRole {
    return this.#observed;
  }

  get record(): ServerRecord {
    return this.#record;
  }

  want(entry: ReplEntry): void {
    const isOtherMaster = masterOf(entry)?.nodeAddress !== masterOf(this.#wanted)?.nodeAddress;
    this.#record = recordWanted(this.#record, this.#wanted, entry);
    this.#wanted = entry;
    if (entry.role === 'replica' && isOtherMaster) this.#setCopy(false);
    this.#retryMs = this.#options.retryMinMs;
    this.check();
  }

  /** Runs a pass now, or another one after the pass that is running. */
  check(): void {
    this.#cancelTimer();
    if (this.#isStopped) return;
    if (this.#isBusy) {
      this.#isStale = true;
      return;
    }
    this.#isBusy = true;
    // Nothing in a pass rejects: failures of the server are values.
    void this.#runPasses();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#client.destroy();
  }

  async #runPasses(): Promise<void> {
    do {
      this.#isStale = false;
      await this.#pass();
    } while (this.#isStale && !this.#isStopped);
    this.#isBusy = false;
    this.#schedule();
  }

  async #pass(): Promise<void> {
    const opened = await this.#client.connect();
    if (!opened.ok) {
      // One that refuses the password answers: whoever fails over for dead servers must not take it for one.
      const kind = opened.code === 'AUTH_REFUSED' ? 'unknown' : 'unreachable';
      this.#setObserved({ kind, reason: opened.message });
      this.#complain(opened.message);
      return;
    }
    await this.#observe();
    const action = nextAction(this.#wanted, this.#observed);
    if (action.kind === 'none' || this.#isStopped) return;
    const from = this.#observed;
    const reply = await this.#act(action);
    const { nodeAddress: node } = this.#wanted;
    if (reply.ok && reply.value.type !== 'error') {
      this.#options.logger.info({ node, from, action }, 'changed the role of a Redis server');
      this.#lastComplaint = '';
      await this.#observe();
    } else {
      this.#complain(reply.ok && reply.value.type === 'error' ? reply.value.value : 'no reply');
    }
  }

  async #observe(): Promise<void> {
    const reply = await this.#client.request(['ROLE']);
    this.#setObserved(
      reply.ok ? parseRoleReply(reply.value) : { kind: 'unreachable', reason: reply.message },
    );
  }

  async #act(
    action: Exclude<ReplicationAction, { kind: 'none' }>,
  ): Promise<Outcome<RespValue, ControlFailure>> {
    const reply = await this.#client.request(actionWords(action, this.#command));
    const isUnknown =
      reply.ok && reply.value.type === 'error' && /^ERR unknown command/i.test(reply.value.value);
    if (!isUnknown || this.#command === 'SLAVEOF') return reply;
    this.#command = 'SLAVEOF';
    return this.#client.request(actionWords(action, this.#command));
  }

  #onDown(): void {
    this.#setObserved({ kind: 'unreachable', reason: 'the connection was lost' });
    if (!this.#isBusy) this.#schedule();
  }

  #setObserved(observed: ObservedRole): void {
    this.#observed = observed;
    const now = this.#options.clock.monotonicMs();
    this.#record = recordLook(this.#record, this.#wanted, observed, now);
    const health = healthOf(this.#wanted, observed);
    if (observed.kind === 'unreachable') this.#setCopy(false);
    else if (health === 'ok' && this.#wanted.role === 'replica') this.#setCopy(true);
    if (this.#isStopped || health === this.#lastHealth) return;
    this.#lastHealth = health;
    const { nodeAddress: node, role } = this.#wanted;
    const fields = { node, role, health, observed };
    if (health === 'ok') this.#options.logger.info(fields, 'a Redis server is in its wanted role');
    else this.#options.logger.warn(fields, 'a Redis server is not in its wanted role');
  }

  #setCopy(isCopy: boolean): void {
    if (this.isCopy === isCopy || this.#isStopped) return;
    this.isCopy = isCopy;
    this.#options.onReplicas?.();
  }

  #schedule(): void {
    this.#cancelTimer();
    if (this.#isStopped) return;
    const { checkIntervalMs, retryMinMs, clock } = this.#options;
    let delayMs = checkIntervalMs;
    if (healthOf(this.#wanted, this.#observed) === 'ok') {
      this.#retryMs = retryMinMs;
      this.#lastComplaint = '';
    } else {
      delayMs = Math.min(this.#retryMs, checkIntervalMs);
      this.#retryMs = Math.min(this.#retryMs * 2, checkIntervalMs);
    }
    this.#cancelTimer = clock.after(delayMs, () => this.check());
  }

  /** Logs a reason once, not at every retry. */
  #complain(reason: string): void {
    if (this.#isStopped || reason === this.#lastComplaint) return;
    this.#lastComplaint = reason;
    const { nodeAddress: node, role } = this.#wanted;
    this.#options.logger.warn({ node, role, reason }, 'cannot set the role of a Redis server');
  }
}
