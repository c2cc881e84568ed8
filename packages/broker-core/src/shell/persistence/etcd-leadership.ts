import type { CancelTimer, Clock, Logger } from '@undermoon/runtime';
import { z } from 'zod';
import { parsePayload } from '@undermoon/broker-api';
import { BrokerError } from '../../errors.ts';
import type { EtcdClient } from './etcd-client.ts';
import { base64, type EtcdEntry } from './etcd-wire.ts';
import type { Writer } from './meta-storage.ts';

// One loop, woken by a timer and by the watch:
//
//   renew the lease, or get a new one   →   read who leads   →   nobody: try to become it
//
// The leader key belongs to the lease and goes away with it. Who leads is what was read last; that is enough,
// because a write compares the revision at which the key was made.

/** What leadership works with. */
export interface EtcdLeadershipOptions {
  readonly client: EtcdClient;
  readonly id: string;
  /** What all keys begin with. */
  readonly prefix: string;
  readonly leaderKey: string;
  readonly leaseTtlSeconds: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Reads who leads, by way of `take`. */
  refresh(): Promise<void>;
}

interface Leader {
  readonly id: string;
  readonly url: string;
  readonly createRevision: string;
  readonly modRevision: string;
}

const TICKS_PER_TTL = 4;
const STOP_MS_MAX = 1000;
const NONE: Writer = { kind: 'none' };
const SELF: Writer = { kind: 'self' };

const leaderSchema: z.ZodType<{ readonly id: string; readonly url: string }> = z.object({
  id: z.string(),
  url: z.string().regex(/^https?:\/\/[^/]+$/),
});

/** Which broker leads, and the attempt to be it. */
export class EtcdLeadership {
  readonly #options: EtcdLeadershipOptions;
  readonly #tickMs: number;
  readonly #waiters = new Set<() => void>();
  readonly #stopping = new AbortController();
  #leader: Leader | null = null;
  #writer: Writer = NONE;
  #lease: string | null = null;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #wake: () => void = () => undefined;
  #watched: { readonly endpoint: string; readonly controller: AbortController } | null = null;
  #running: Promise<unknown> = Promise.resolve();
  #isFailing = false;

  constructor(options: EtcdLeadershipOptions) {
    this.#options = options;
    this.#tickMs = (options.leaseTtlSeconds * 1000) / TICKS_PER_TTL;
  }

  get writer(): Writer {
    return this.#writer;
  }

  /** What a write has to compare with; null when this broker does not lead. */
  get fence(): string | null {
    return this.#writer.kind === 'self' ? (this.#leader?.createRevision ?? null) : null;
  }

  /** The leader key as it was read. */
  take(entry: EtcdEntry | null): void {
    const leader = entry === null ? null : leaderOf(entry);
    if (leader?.modRevision === this.#leader?.modRevision) return;
    this.#leader = leader;
    this.#writer = this.#writerOf(leader);
    this.#options.logger.info({ writer: this.#writer }, 'leader changed');
    for (const waiter of this.#waiters) waiter();
  }

  change(known: Writer, signal: AbortSignal): Promise<void> {
    if (this.#writer !== known || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = (): void => {
        signal.removeEventListener('abort', settle);
        this.#waiters.delete(settle);
        resolve();
      };
      signal.addEventListener('abort', settle);
      this.#waiters.add(settle);
    });
  }

  start(url: string): void {
    this.#running = Promise.all([this.#work(url), this.#watch()]);
  }

  /**
   * Gives the leadership up, so that another broker need not wait for the lease to run out; for at most
   * `STOP_MS_MAX`. The loops end when the client is closed, at the latest.
   */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    this.#watched?.controller.abort();
    const lease = this.#lease;
    if (lease === null) return;
    const { client, clock, logger } = this.#options;
    let cancelTimer: CancelTimer = () => undefined;
    const isOver = new Promise<void>(
      (resolve) => (cancelTimer = clock.after(STOP_MS_MAX, resolve)),
    );
    const isRevoked = client.revokeLease(lease).catch((error: unknown) => {
      logger.warn({ error }, 'lease could not be given back and runs out');
    });
    await Promise.race([isRevoked, isOver]);
    cancelTimer();
  }

  /** Resolves when the loops have ended. */
  ended(): Promise<unknown> {
    return this.#running;
  }

  async #work(url: string): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#tick(url);
        this.#isFailing = false;
      } catch (error) {
        if (!(error instanceof BrokerError)) throw error;
        if (!this.#isFailing) this.#options.logger.warn({ error }, 'etcd cannot be used');
        this.#isFailing = true;
      }
      await this.#pause(this.#tickMs);
    }
  }

  async #tick(url: string): Promise<void> {
    const { client } = this.#options;
    await this.#renew();
    // A watch that hangs on an endpoint that failed is begun again on the present one.
    if (this.#watched !== null && this.#watched.endpoint !== client.endpoint) {
      this.#watched.controller.abort();
    }
    await this.#options.refresh();
    if (this.#leader === null && this.#lease !== null && !this.#stopping.signal.aborted) {
      await this.#campaign(url, this.#lease);
      await this.#options.refresh();
    }
  }

  async #renew(): Promise<void> {
    const { client, clock, leaseTtlSeconds } = this.#options;
    if (clock.monotonicMs() - this.#renewedAt < this.#tickMs / 2) return;
    const askedAt = clock.monotonicMs();
    if (this.#lease !== null && (await client.keepAlive(this.#lease)) <= 0) this.#lease = null;
    this.#lease ??= await client.grantLease(leaseTtlSeconds);
    this.#renewedAt = askedAt;
  }

  async #campaign(url: string, lease: string): Promise<void> {
    const { client, leaderKey, id } = this.#options;
    const key = base64(leaderKey);
    const value = base64(JSON.stringify({ id, url }));
    await client.transaction({
      compare: [{ key, target: 'CREATE', result: 'EQUAL', create_revision: '0' }],
      success: [{ request_put: { key, value, lease } }],
      failure: [],
    });
  }

  async #watch(): Promise<void> {
    const { client, prefix } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const controller = new AbortController();
      this.#watched = { endpoint: client.endpoint, controller };
      try {
        await client.watch(prefix, () => this.#onWatch(), controller.signal);
      } catch {
        // Whatever ended it: the loop reads without a watch too, only later.
      }
      if (!this.#stopping.signal.aborted) await this.#sleep(this.#tickMs);
    }
  }

  // The leader makes the changes; it need not read each of them back.
  #onWatch(): void {
    if (this.#writer.kind !== 'self') this.#wake();
  }

  async #pause(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      let cancel: CancelTimer = () => undefined;
      this.#wake = () => {
        cancel();
        resolve();
      };
      cancel = this.#options.clock.after(delayMs, resolve);
      if (this.#stopping.signal.aborted) this.#wake();
    });
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#stopping;
      const settle = (): void => {
        cancel();
        signal.removeEventListener('abort', settle);
        resolve();
      };
      const cancel = this.#options.clock.after(delayMs, settle);
      signal.addEventListener('abort', settle);
    });
  }

  #writerOf(leader: Leader | null): Writer {
    if (leader === null) return NONE;
    return leader.id === this.#options.id ? SELF : { kind: 'other', url: leader.url };
  }
}

function leaderOf(entry: EtcdEntry): Leader {
  const parsed = parsePayload(leaderSchema, parseJson(entry.value.toString()));
  const { createRevision, modRevision } = entry;
  if (parsed.ok) return { ...parsed.value, createRevision, modRevision };
  throw new BrokerError('EXTERNAL', `the leader key in etcd is not usable: ${parsed.message}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
