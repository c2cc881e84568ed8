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
   * PERSISTENCE_IO_ERROR and goes on with the state before.
   */
  save(change: StoreChange): Promise<void>;
  /** Called once, after the last save, or to give up a `load` that runs. */
  close(): Promise<void>;
}

/** Keeps nothing: the state is lost with the process. */
export function memoryStorage(): MetaStorage {
  return {
    load: () => Promise.resolve(null),
    save: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
