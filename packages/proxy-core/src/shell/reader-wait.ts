import type { Clock } from '@undermoon/runtime';

/** What stops being read. */
interface Pausable {
  pause(): void;
  resume(): void;
}

/**
 * Lets a server's connection wait for the client of the reply that is coming: the reply may be larger than all that
 * may wait for a client. Replies to others wait behind it, so the time for one reply is limited; after it the
 * rest comes as fast as the server sends it.
 */
export class ReaderWait {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #connection: () => Pausable | null;
  #paused: Pausable | null = null;
  #sinceMs = 0;
  /** What this reply has had of its time. */
  #spentMs = 0;
  #hasHeld = false;

  /** `connection`: the one to the server at the moment. */
  constructor(clock: Clock, waitMs: number, connection: () => Pausable | null) {
    this.#clock = clock;
    this.#waitMs = waitMs;
    this.#connection = connection;
  }

  /** Reads no more until `end`. False: there is no time left for it. */
  begin(): boolean {
    if (this.#paused !== null) return true;
    if (this.#spentMs >= this.#waitMs) return false;
    this.#paused = this.#connection();
    this.#sinceMs = this.#clock.monotonicMs();
    this.#paused?.pause();
    return this.#paused !== null;
  }

  /** Reads on. */
  end(): void {
    const paused = this.#paused;
    if (paused === null) return;
    this.#hasHeld = true;
    this.#paused = null;
    this.#spentMs += this.#clock.monotonicMs() - this.#sinceMs;
    paused.resume();
  }

  /** Reads on; the next reply has a time of its own. */
  forget(): void {
    this.end();
    this.#spentMs = 0;
  }

  /**
   * Whether the connection waited since the last call, so that silence is not the server's. Called by the coarse
   * timer; ends what takes too long.
   */
  holds(): boolean {
    const isLong =
      this.#paused !== null &&
      this.#spentMs + this.#clock.monotonicMs() - this.#sinceMs >= this.#waitMs;
    if (isLong) this.end();
    const hasHeld = this.#hasHeld || this.#paused !== null;
    this.#hasHeld = false;
    return hasHeld;
  }
}
