import type { NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import type { BackendLoss } from './lost-replies.ts';
import type { ReplyTimeout } from './reply-timeout.ts';

const PING = encodeCommand(['PING']);

/** A server on which commands wait. */
interface Watched {
  /** Since when nothing was asked, or since when its answer is awaited. */
  sinceMs: number;
  isAsked: boolean;
}

interface StallWatchOptions {
  /** After so long a wait a server is asked whether it is there, and so long it may take to answer. */
  readonly replyTimeout: ReplyTimeout;
  readonly connectTimeoutMs: number;
  readonly nowMs: () => number;
  /** A connection for questions, on which nothing waits. */
  readonly control: (address: NodeAddress) => BackendConnection;
  /** A server says nothing. */
  readonly onSilent: (address: NodeAddress) => void;
}

/**
 * Tells servers on which commands wait, however long, from those that are frozen or cut off: these do not answer on
 * another connection either.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;
  readonly #watched = new Map<NodeAddress, Watched>();

  constructor(options: StallWatchOptions) {
    this.#options = options;
  }

  /** Called by the coarse timer with the servers on which commands wait now. */
  tick(addresses: ReadonlySet<NodeAddress>): void {
    for (const address of this.#watched.keys()) {
      if (!addresses.has(address)) this.#watched.delete(address);
    }
    const nowMs = this.#options.nowMs();
    for (const address of addresses) {
      const known = this.#watched.get(address);
      if (known === undefined) this.#watched.set(address, { sinceMs: nowMs, isAsked: false });
      else if (!known.isAsked && nowMs - known.sinceMs >= this.#options.replyTimeout.ms) {
        this.#ask(address, known);
      }
    }
  }

  #ask(address: NodeAddress, watched: Watched): void {
    const { control, nowMs } = this.#options;
    watched.sinceMs = nowMs();
    const sink = new PingSink((loss) => this.#onAnswer(address, watched, loss));
    watched.isAsked = control(address).request(sink, 1, false, PING, 0, PING.length);
  }

  #onAnswer(address: NodeAddress, watched: Watched, loss: BackendLoss | null): void {
    const { replyTimeout, connectTimeoutMs, nowMs, onSilent } = this.#options;
    const waitedMs = nowMs() - watched.sinceMs;
    watched.isAsked = false;
    watched.sinceMs = nowMs();
    if (loss === null || this.#watched.get(address) !== watched) return;
    // A connection that is refused or closed at once comes from a server, or a machine, that runs.
    if (loss === 'timeout' || waitedMs >= Math.min(replyTimeout.ms, connectTimeoutMs))
      onSilent(address);
  }
}

/** Any answer will do. */
class PingSink implements ReplySink {
  readonly owner = null;
  readonly isOwnWork = true;
  readonly #done: (loss: BackendLoss | null) => void;

  constructor(done: (loss: BackendLoss | null) => void) {
    this.#done = done;
  }

  onReplyBytes(): void {
    this.#done(null);
  }

  onReplyLoss(_source: BackendConnection, _count: number, loss: BackendLoss): void {
    this.#done(loss);
  }

  onBackendRoom(): void {}
}
