import { metaStoreToJson, type MetaStore } from '@undermoon/broker-api';
import type { CancelTimer, Clock, Logger } from '@undermoon/runtime';
import { parseDump } from '../../core/restore.ts';
import { emptyStore } from '../../core/model.ts';
import { BrokerError } from '../../errors.ts';
import { HttpStore, type StoredDocument } from './http-store.ts';
import type { SharedStorage, StoreChange, Writer } from './meta-storage.ts';
import { TurnQueue } from './turn-queue.ts';

/** What an HTTP storage works with. */
export interface HttpStorageOptions {
  /** `host:port`. */
  readonly address: string;
  readonly name: string;
  readonly password: string;
  readonly enableOrderedProxy: boolean;
  readonly timeoutMs: number;
  readonly responseBytesMax: number;
  /** Seconds between two reads that nobody asked for. */
  readonly refreshInterval: number;
  /** For how long the store is tried at start. */
  readonly startTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const START_RETRY_MS = 1000;
const SELF: Writer = { kind: 'self' };

/**
 * Keeps the state in the original's external HTTP store. Every write names the version that it follows, so
 * several brokers can write: of two at a time one is refused and carried out again on the other's result.
 * Nothing is answered from memory alone: whoever reads has the store asked.
 */
export function httpStorage(options: HttpStorageOptions): SharedStorage {
  return new HttpStorage(options);
}

class HttpStorage implements SharedStorage {
  readonly writer: Writer = SELF;
  readonly ignoresPushes = true;
  readonly #options: HttpStorageOptions;
  readonly #store: HttpStore;
  readonly #turns = new TurnQueue();
  #state: MetaStore | null = null;
  #text = '';
  /** Of the state; null when it is not known, as after a write, whose answer does not tell it. */
  #version: string | null = null;
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #cancelTimer: CancelTimer = () => undefined;
  #isClosed = false;
  #listener: (before: MetaStore | null, after: MetaStore) => void = () => undefined;

  constructor(options: HttpStorageOptions) {
    this.#options = options;
    this.#store = new HttpStore(options);
  }

  get state(): MetaStore | null {
    return this.#state;
  }

  async load(): Promise<MetaStore | null> {
    const { clock, startTimeoutMs, logger, address } = this.#options;
    const giveUpAt = clock.monotonicMs() + startTimeoutMs;
    for (;;) {
      try {
        await this.#turns.read(() => this.#initialise());
        return this.#state;
      } catch (cause) {
        if (!(cause instanceof BrokerError)) throw cause;
        if (this.#isClosed || clock.monotonicMs() >= giveUpAt) {
          await this.close();
          const message = `external store ${address}: ${cause.message}`;
          throw new BrokerError('STORE_UNREADABLE', message, { cause });
        }
        logger.warn({ store: address, reason: cause.message }, 'external store cannot be read yet');
      }
      await new Promise<void>(
        (resolve) => (this.#cancelTimer = clock.after(START_RETRY_MS, resolve)),
      );
    }
  }

  refresh(ageMsMax: number): Promise<void> {
    const isFresh = this.#options.clock.monotonicMs() - this.#confirmedAt < ageMsMax;
    return isFresh ? Promise.resolve() : this.#turns.read(() => this.#read());
  }

  save(change: StoreChange): Promise<void> {
    return this.#turns.run(() => this.#write(change.state));
  }

  onChange(listener: (before: MetaStore | null, after: MetaStore) => void): void {
    this.#listener = listener;
  }

  writerChange(): Promise<void> {
    return Promise.resolve();
  }

  announce(): void {
    const { clock, refreshInterval, logger, address } = this.#options;
    if (this.#isClosed) return;
    this.#cancelTimer = clock.after(refreshInterval * 1000, () => {
      void this.refresh(0)
        .catch((error: unknown) => logger.warn({ store: address, error }, 'external store unread'))
        .then(() => this.announce());
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer();
    await this.#store.close();
  }

  // A store that holds nothing is given an empty state. It does not overwrite one that somebody else put there.
  async #initialise(): Promise<void> {
    const found = await this.#store.get();
    if (found === null || found.version === null) {
      const dump = metaStoreToJson(emptyStore(this.#options.enableOrderedProxy));
      await this.#store.initialise(dump);
    }
    await this.#read();
  }

  async #read(): Promise<void> {
    const askedAt = this.#options.clock.monotonicMs();
    const found = await this.#store.get();
    if (found === null) throw new BrokerError('EXTERNAL', 'the external store holds no state');
    this.#take(found, askedAt);
  }

  #take(found: StoredDocument, askedAt: number): void {
    if (found.text !== this.#text) {
      const parsed = parseDump(found.dump);
      if (!parsed.ok) {
        throw new BrokerError(
          'EXTERNAL',
          `the external store holds no usable state: ${parsed.message}`,
        );
      }
      const before = this.#state?.globalEpoch ?? parsed.value.globalEpoch;
      if (parsed.value.globalEpoch < before) {
        const fields = { before, now: parsed.value.globalEpoch };
        this.#options.logger.warn(fields, 'the epoch in the external store went back');
      }
      this.#replace(parsed.value);
      this.#text = found.text;
    }
    this.#version = found.version;
    this.#confirmedAt = askedAt;
  }

  // After a write of its own the broker reads the same state back; that is no change.
  #replace(state: MetaStore): void {
    const before = this.#state;
    if (before !== null && textOf(before) === textOf(state)) return;
    this.#state = state;
    this.#listener(before, state);
  }

  async #write(state: MetaStore): Promise<void> {
    if (this.#version === null) {
      throw new BrokerError('EMPTY_EXTERNAL_VERSION', 'the external store names no version');
    }
    const version = this.#version;
    const dump = metaStoreToJson(state);
    this.#version = null;
    const askedAt = this.#options.clock.monotonicMs();
    try {
      await this.#store.put(version, dump);
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code === 'RETRY') throw error;
      if (!(await this.#holds(dump, version))) throw error;
    }
    this.#state = state;
    this.#text = '';
    this.#confirmedAt = askedAt;
  }

  // Whether a write that was not answered has been made.
  async #holds(dump: unknown, versionBefore: string): Promise<boolean> {
    try {
      await this.#read();
    } catch (error) {
      if (error instanceof BrokerError) return false;
      throw error;
    }
    if (this.#version === versionBefore || this.#state === null) return false;
    return textOf(this.#state) === JSON.stringify(dump);
  }
}

function textOf(state: MetaStore): string {
  return JSON.stringify(metaStoreToJson(state));
}
