import type { MetaStore } from '@undermoon/broker-api';
import type { Epoch } from '@undermoon/cluster-meta';
import type { ApplyContext, StoreCommand } from '../../core/command.ts';

/** A mutation that changed the state. */
export interface KeptStep {
  readonly command: StoreCommand;
  /** The global epoch after it. */
  readonly epoch: Epoch;
}

/** What is to be kept: a state, and the mutations that led to it from the state kept before. */
export interface StoreChange {
  readonly state: MetaStore;
  /** In order; `apply` with `context` comes from the state kept before to `state`. */
  readonly steps: readonly KeptStep[];
  readonly context: ApplyContext;
}

/** Where a broker keeps its state. `save` is called for one change at a time. */
export interface MetaStorage {
  /** Called once, before the broker listens. Returns the state last kept, or null when there is none. */
  load(): Promise<MetaStore | null>;
  /**
   * Keeps a change. When it resolves, the change survives a crash; when it fails, the broker answers
   * PERSISTENCE_IO_ERROR, or the code of a `BrokerError` of the HTTP API, and goes on with the state before.
   * RETRY says that a shared state had changed: the mutations are carried out again on the new one.
   */
  save(change: StoreChange): Promise<void>;
  /** Called once, after the last save, or to give up a `load` that runs. */
  close(): Promise<void>;
}

/** Which broker writes to a shared storage. */
export type Writer =
  | { readonly kind: 'self' }
  /** Another one, which is reached at `url`. */
  | { readonly kind: 'other'; readonly url: string }
  | { readonly kind: 'none' };

/** A storage that several brokers use at a time. It holds the state, which changes under the broker. */
export interface SharedStorage extends MetaStorage {
  /** The state as it was last read or written; null before there is one. */
  readonly state: MetaStore | null;
  readonly writer: Writer;
  /** Dumps that other brokers push say nothing new: they come from the same storage. */
  readonly ignoresPushes: boolean;
  /**
   * Resolves when `state` and `writer` are no older than `ageMsMax` at the time of the call. Fails with
   * EXTERNAL or EXTERNAL_TIMEOUT.
   */
  refresh(ageMsMax: number): Promise<void>;
  /** Resolves when the writer is another one than `known`, and at the latest when `signal` aborts. */
  writerChange(known: Writer, signal: AbortSignal): Promise<void>;
  /** Sets who is told when somebody else changed the state. */
  onChange(listener: (before: MetaStore | null, after: MetaStore) => void): void;
  /** Called once the broker can be reached at `url`: from then on it may become the writer. */
  announce(url: string): void;
}

/** Whether others may change what is stored. */
export function isShared(storage: MetaStorage): storage is SharedStorage {
  return 'writer' in storage;
}

/** Keeps nothing: the state is lost with the process. */
export function memoryStorage(): MetaStorage {
  return {
    load: () => Promise.resolve(null),
    save: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
