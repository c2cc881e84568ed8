import type { Clock } from '@undermoon/runtime';
import { FlushList, type TurnFlush } from './turn-flush.ts';

/** How many times more the sockets are looked at before what was gathered leaves. */
const LOOKS_MAX = 2;
/** The same while clients connect: each begins with a single request. */
const CONNECTING_LOOKS_MAX = 4;
/** A look that brought fewer requests than these ends the gathering: the next one would hardly bring more. */
const FRESH_MIN = 2;
/** How long a pause is at least. On Linux, all but real-time threads sleep for another 0.05 ms (the timer slack). */
const PAUSE_MS = 0.01;
/** Never changed, so that a wait for it ends with the time. */
const PAUSE_WORD = new Int32Array(new SharedArrayBuffer(4));
/** So many requests are worth a write by themselves. */
const REQUESTS_MAX = 64;

/**
 * Gathers the requests for servers over a few turns of the event loop, as long as each turn brings some and none
 * has to wait for them: a turn with something gathered does not sleep. What a write costs, here and at the server that reads it,
 * depends little on how much is in it, and while a turn serves some clients others have sent already. A
 * single request leaves at the end of its turn. While the loop moderates, it pauses once instead.
 */
export class RequestGathering {
  readonly #clock: Clock;
  readonly #flushes = new FlushList();
  /** Requests since the last look at the sockets. */
  #fresh = 0;
  /** Those before. */
  #older = 0;
  #looks = 0;
  /** Somebody connected since the last look. */
  #isConnecting = false;
  /** Requests are gathered while the loop pauses for a moment; see `moderation.ts`. */
  isModerated = false;
  /** How often it paused, and for how long in all. */
  pauses = 0;
  pausedMs = 0;
  readonly #onTurnEnd = (): void => {
    const count = this.#older + this.#fresh;
    if (this.isModerated && this.#looks === 0 && count < REQUESTS_MAX) {
      this.#pause();
      // One look at what came meanwhile, and no other.
      this.#looks = CONNECTING_LOOKS_MAX;
      this.#lookAgain(count);
      return;
    }
    const isConnecting = this.#isConnecting;
    this.#isConnecting = false;
    const looksMax = isConnecting ? CONNECTING_LOOKS_MAX : LOOKS_MAX;
    const isBusy = isConnecting || this.#fresh >= FRESH_MIN;
    if (this.#looks < looksMax && isBusy && count < REQUESTS_MAX) {
      this.#looks++;
      this.#lookAgain(count);
      return;
    }
    this.#looks = 0;
    this.#older = 0;
    this.#fresh = 0;
    this.#flushes.flush();
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A client connected, and will hardly wait with its first request. */
  expect(): void {
    this.#isConnecting = true;
  }

  /** Counts a request. `flush`, unless null, is called once, after all sockets that are ready have been read. */
  gather(flush: TurnFlush | null): void {
    this.#fresh++;
    if (flush === null) return;
    if (this.#flushes.count === 0) setImmediate(this.#onTurnEnd);
    this.#flushes.add(flush);
  }

  #lookAgain(count: number): void {
    this.#older = count;
    this.#fresh = 0;
    setImmediate(this.#onTurnEnd);
  }

  #pause(): void {
    const startMs = this.#clock.monotonicMs();
    Atomics.wait(PAUSE_WORD, 0, 0, PAUSE_MS);
    this.pauses++;
    this.pausedMs += this.#clock.monotonicMs() - startMs;
  }
}
