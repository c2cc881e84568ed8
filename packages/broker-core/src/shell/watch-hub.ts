import type { WatchChanges, WatchCursor } from '@undermoon/broker-api';
import type { Clock } from '@undermoon/runtime';
import type { StoreState } from '../core/model.ts';
import { BrokerError } from '../errors.ts';
import { ChangeLog, type ChangeLogLimits } from './change-log.ts';

export interface WatchHubOptions extends ChangeLogLimits {
  readonly watchersMax: number;
  readonly clock: Clock;
}

/** Takes part in the hub while it waits. */
interface Watcher {
  cursor: WatchCursor;
  onChanges(changes: WatchChanges): void;
  onClose(): void;
}

/** Tells watchers about changes of the state as soon as they are made. */
export class WatchHub {
  readonly #options: WatchHubOptions;
  readonly #log: ChangeLog;
  readonly #watchers = new Set<Watcher>();
  #isClosed = false;

  constructor(initial: StoreState, options: WatchHubOptions) {
    this.#options = options;
    this.#log = new ChangeLog(initial.globalEpoch, options);
  }

  /** Requests that wait or listen. */
  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** A step of the state that is kept and visible. */
  publish(before: StoreState, after: StoreState): void {
    if (!this.#log.add(before, after)) return;
    for (const watcher of this.#watchers) {
      const changes = this.#log.since(watcher.cursor);
      if (changes === null) continue;
      watcher.cursor = changes;
      watcher.onChanges(changes);
    }
  }

  /**
   * What changed since the cursor, at once if there is anything, else as soon as there is, or an empty
   * answer after `waitMs` or when the broker stops. Rejects with OVERLOADED when too many watch already.
   */
  next(cursor: WatchCursor | null, waitMs: number, signal: AbortSignal): Promise<WatchChanges> {
    const present = this.#log.since(cursor);
    if (present !== null || waitMs === 0) {
      return Promise.resolve(present ?? this.#log.nothing());
    }
    return new Promise((resolve, reject) => {
      const settle = (changes: WatchChanges): void => {
        leave();
        cancelWait();
        signal.removeEventListener('abort', giveUp);
        resolve(changes);
      };
      const giveUp = (): void => settle(this.#log.nothing());
      let leave: () => void;
      try {
        leave = this.#join({ cursor: this.#log.nothing(), onChanges: settle, onClose: giveUp });
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      const cancelWait = this.#options.clock.after(waitMs, giveUp);
      signal.addEventListener('abort', giveUp);
    });
  }

  /**
   * Calls back with what changed since the cursor and with every further change, until the returned
   * function is called. Throws OVERLOADED when too many watch already, SHUTTING_DOWN after `close`.
   */
  subscribe(
    cursor: WatchCursor | null,
    onChanges: (changes: WatchChanges) => void,
    onClose: () => void,
  ): () => void {
    const present = this.#log.since(cursor);
    const leave = this.#join({ cursor: present ?? this.#log.nothing(), onChanges, onClose });
    if (present !== null) onChanges(present);
    return leave;
  }

  /** Ends all watches. */
  close(): void {
    this.#isClosed = true;
    for (const watcher of this.#watchers) {
      this.#watchers.delete(watcher);
      watcher.onClose();
    }
  }

  #join(watcher: Watcher): () => void {
    if (this.#isClosed) throw new BrokerError('SHUTTING_DOWN', 'the broker is shutting down');
    if (this.#watchers.size >= this.#options.watchersMax) {
      const message = `${this.#watchers.size} requests watch already`;
      throw new BrokerError('OVERLOADED', message);
    }
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }
}
