import { randomUUID } from 'node:crypto';
import type { MetaStore } from '@undermoon/broker-api';
import type { Clock, Logger } from '@undermoon/runtime';
import { BrokerError } from '../../errors.ts';
import {
  BUCKET_PREFIX,
  bucketKey,
  changedBuckets,
  decodeBucket,
  decodeHead,
  encodeBucket,
  encodeHead,
  HEAD_KEY,
  joinState,
  splitState,
  type Bucket,
} from './etcd-buckets.ts';
import { EtcdClient, type EtcdCredentials, type EtcdTls } from './etcd-client.ts';
import { EtcdLeadership } from './etcd-leadership.ts';
import {
  base64,
  endOfPrefix,
  type EtcdAnswer,
  type EtcdOperation,
  type EtcdTransaction,
} from './etcd-wire.ts';
import type { SharedStorage, StoreChange, Writer } from './meta-storage.ts';
import { TurnQueue } from './turn-queue.ts';

/** What an etcd storage works with. */
export interface EtcdStorageOptions {
  /** `http://host:port` or `https://host:port`, at least one. */
  readonly endpoints: readonly string[];
  readonly credentials: EtcdCredentials | null;
  /** What all keys begin with; ends in `/`. */
  readonly prefix: string;
  /** Seconds after which another broker takes over from one that is gone. */
  readonly leaseTtlSeconds: number;
  /** For one answer of one endpoint. */
  readonly timeoutMs: number;
  readonly tls: EtcdTls | null;
  /** Largest change in bytes; etcd refuses requests above 1.5 MiB unless told otherwise. */
  readonly requestBytesMax: number;
  /** Largest state in bytes, uncompressed. */
  readonly stateBytesMax: number;
  readonly startTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const START_RETRY_MS = 500;
const LEADER_KEY = 'leader';

/**
 * Keeps the state in etcd, for several brokers at a time. One of them leads: it holds the leader key by a
 * lease. Every write is one transaction, which compares the revision at which the leader key was made and
 * that of the head: neither a former leader nor anybody who missed a change can write. Reads are
 * linearizable, so a broker that was paused or cut off answers nothing old.
 */
export function etcdStorage(options: EtcdStorageOptions): SharedStorage {
  return new EtcdStorage(options);
}

class EtcdStorage implements SharedStorage {
  readonly ignoresPushes = false;
  readonly #options: EtcdStorageOptions;
  readonly #client: EtcdClient;
  readonly #leadership: EtcdLeadership;
  readonly #turns = new TurnQueue();
  readonly #buckets = new Map<number, Bucket>();
  readonly #id = randomUUID();
  #writes = 0;
  #state: MetaStore | null = null;
  #headRevision = '0';
  #writeId = '';
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #seen: { readonly clusterId: string; readonly revision: bigint } | null = null;
  #isClosed = false;
  #listener: (before: MetaStore | null, after: MetaStore) => void = () => undefined;

  constructor(options: EtcdStorageOptions) {
    this.#options = options;
    const { clock } = options;
    this.#client = new EtcdClient({ ...options, responseBytesMax: options.stateBytesMax });
    this.#leadership = new EtcdLeadership({
      client: this.#client,
      id: this.#id,
      prefix: options.prefix,
      leaderKey: `${options.prefix}${LEADER_KEY}`,
      leaseTtlSeconds: options.leaseTtlSeconds,
      clock,
      logger: options.logger,
      refresh: () => this.refresh(0),
    });
  }

  get state(): MetaStore | null {
    return this.#state;
  }

  get writer(): Writer {
    return this.#leadership.writer;
  }

  async load(): Promise<MetaStore | null> {
    const { clock, startTimeoutMs, logger } = this.#options;
    const giveUpAt = clock.monotonicMs() + startTimeoutMs;
    for (;;) {
      try {
        await this.#turns.read(() => this.#read());
        return this.#state;
      } catch (cause) {
        const isOver = this.#isClosed || clock.monotonicMs() >= giveUpAt;
        if (!(cause instanceof BrokerError) || cause.code === 'STORE_DAMAGED' || isOver) {
          await this.close();
          if (!isOver) throw cause;
          const reason = cause instanceof Error ? cause.message : String(cause);
          throw new BrokerError('STORE_UNREADABLE', reason, { cause });
        }
        logger.warn({ reason: cause.message }, 'etcd cannot be read yet');
      }
      await new Promise<void>((resolve) => void clock.after(START_RETRY_MS, resolve));
    }
  }

  async refresh(ageMsMax: number): Promise<void> {
    if (this.#options.clock.monotonicMs() - this.#confirmedAt < ageMsMax) return;
    try {
      await this.#turns.read(() => this.#read());
    } catch (cause) {
      if (!(cause instanceof BrokerError) || cause.code !== 'STORE_DAMAGED') throw cause;
      throw new BrokerError('EXTERNAL', cause.message, { cause });
    }
  }

  save(change: StoreChange): Promise<void> {
    return this.#turns.run(() => this.#write(change.state));
  }

  onChange(listener: (before: MetaStore | null, after: MetaStore) => void): void {
    this.#listener = listener;
  }

  writerChange(known: Writer, signal: AbortSignal): Promise<void> {
    return this.#leadership.change(known, signal);
  }

  announce(url: string): void {
    if (!this.#isClosed) this.#leadership.start(url);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#leadership.stop();
    await this.#client.close();
    await this.#leadership.ended();
  }

  // One transaction, so that the head and the buckets are of one revision: the leader, the head, and the
  // buckets that were written since the head that is known.
  #reads(): readonly EtcdOperation[] {
    const { prefix } = this.#options;
    const buckets = `${prefix}${BUCKET_PREFIX}`;
    return [
      { request_range: { key: base64(`${prefix}${LEADER_KEY}`) } },
      { request_range: { key: base64(`${prefix}${HEAD_KEY}`) } },
      {
        request_range: {
          key: base64(buckets),
          range_end: base64(endOfPrefix(buckets)),
          min_mod_revision: String(BigInt(this.#headRevision) + 1n),
        },
      },
    ];
  }

  async #read(): Promise<void> {
    const before = this.#state;
    await this.#readQuietly();
    if (this.#state !== null && this.#state !== before) this.#listener(before, this.#state);
  }

  async #readQuietly(): Promise<void> {
    const askedAt = this.#options.clock.monotonicMs();
    const reads = { compare: [], success: this.#reads(), failure: [] };
    await this.#take(await this.#client.transaction(reads), askedAt);
  }

  async #take(answer: EtcdAnswer, askedAt: number): Promise<void> {
    this.#checkIdentity(answer);
    const [leader = [], [head] = [], entries = []] = answer.reads;
    if (head === undefined && this.#headRevision !== '0') {
      throw new BrokerError('EXTERNAL', `the state is gone from etcd; ${WAY_OUT}`);
    }
    if (head !== undefined && head.modRevision !== this.#headRevision) {
      const decoded = decodeHead(head.value);
      const prefix = `${this.#options.prefix}${BUCKET_PREFIX}`;
      const buckets = await Promise.all(
        entries.map(({ value }) => decodeBucket(value, this.#options.stateBytesMax)),
      );
      for (const [at, bucket] of buckets.entries()) {
        this.#buckets.set(Number(entries[at]?.key.slice(prefix.length)), bucket);
      }
      this.#state = joinState(decoded, this.#buckets.values());
      this.#headRevision = head.modRevision;
      this.#writeId = decoded.writeId;
    }
    this.#confirmedAt = askedAt;
    this.#leadership.take(leader[0] ?? null);
  }

  // What is in memory is never written over an etcd that knows less, and never given up for it either.
  #checkIdentity({ clusterId, revision }: EtcdAnswer): void {
    const now = { clusterId, revision: BigInt(revision) };
    const seen = this.#seen;
    if (seen !== null && (seen.clusterId !== clusterId || now.revision < seen.revision)) {
      throw new BrokerError(
        'EXTERNAL',
        `etcd was emptied or restored to an earlier state; ${WAY_OUT}`,
      );
    }
    this.#seen = now;
  }

  async #write(state: MetaStore): Promise<void> {
    const fence = this.#leadership.fence;
    if (fence === null) throw new BrokerError('RETRY', 'this broker does not lead; try again');
    const indexes = changedBuckets(this.#state, state);
    const split = splitState(state, indexes);
    const writeId = `${this.#id}:${++this.#writes}`;
    const transaction = await this.#transactionOf(state, split, writeId, fence);
    const askedAt = this.#options.clock.monotonicMs();
    const answer = await this.#send(transaction, writeId);
    if (answer === null) return;
    if (!answer.succeeded) {
      await this.#readAfterRefusal(answer, askedAt, writeId);
      return;
    }
    this.#checkIdentity(answer);
    for (const [index, bucket] of split) this.#buckets.set(index, bucket);
    this.#state = state;
    this.#headRevision = answer.revision;
    this.#writeId = writeId;
    this.#confirmedAt = askedAt;
  }

  // Null: no answer, but the write is found to have been made.
  async #send(transaction: EtcdTransaction, writeId: string): Promise<EtcdAnswer | null> {
    try {
      return await this.#client.transaction(transaction);
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'EXTERNAL_TIMEOUT') throw error;
      this.#confirmedAt = Number.NEGATIVE_INFINITY;
      const before = this.#state;
      await this.#readQuietly().catch(() => undefined);
      if (this.#writeId === writeId) return null;
      if (this.#state !== null && this.#state !== before) this.#listener(before, this.#state);
      const message = `${error.message}; the change may or may not have been made`;
      throw new BrokerError('EXTERNAL_TIMEOUT', message, { cause: error });
    }
  }

  // A transaction that was sent twice fails the second time because of the first one.
  async #readAfterRefusal(answer: EtcdAnswer, askedAt: number, writeId: string): Promise<void> {
    const before = this.#state;
    await this.#take(answer, askedAt);
    if (this.#writeId === writeId) return;
    if (this.#state !== null && this.#state !== before) this.#listener(before, this.#state);
    throw new BrokerError('RETRY', 'the state or the leader changed meanwhile; try again');
  }

  async #transactionOf(
    state: MetaStore,
    split: ReadonlyMap<number, Bucket>,
    writeId: string,
    fence: string,
  ): Promise<EtcdTransaction> {
    const { prefix, requestBytesMax } = this.#options;
    const { globalEpoch, enableOrderedProxy } = state;
    const head = encodeHead({ globalEpoch, enableOrderedProxy, writeId });
    const puts = await Promise.all(
      [...split].map(async ([index, bucket]) => ({
        key: `${prefix}${bucketKey(index)}`,
        value: await encodeBucket(bucket),
      })),
    );
    puts.push({ key: `${prefix}${HEAD_KEY}`, value: Buffer.from(head) });
    const bytes = puts.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    if (bytes > requestBytesMax) {
      const message = `the change takes ${bytes} bytes, above storage.requestBytesMax (${requestBytesMax})`;
      throw new BrokerError('PERSISTENCE_IO_ERROR', message);
    }
    const headKey = base64(`${prefix}${HEAD_KEY}`);
    const leaderKey = base64(`${prefix}${LEADER_KEY}`);
    return {
      compare: [
        { key: leaderKey, target: 'CREATE', result: 'EQUAL', create_revision: fence },
        { key: headKey, target: 'MOD', result: 'EQUAL', mod_revision: this.#headRevision },
      ],
      success: puts.map(({ key, value }) => ({
        request_put: { key: base64(key), value: base64(value) },
      })),
      failure: this.#reads(),
    };
  }
}

const WAY_OUT = 'if that was meant, restart the brokers; else stop them and restore etcd';
