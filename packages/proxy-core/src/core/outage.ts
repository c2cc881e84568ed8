const RETRY_DELAY_MS_MAX = 1000;

/** How long commands wait for a server, and how often it is tried. */
export interface OutageLimits {
  /** From the moment a server was wanted and not there. 0: commands do not wait. */
  readonly waitMs: number;
  /** After a failed attempt to connect; each further one adds as much, up to a second. */
  readonly retryDelayMs: number;
}

/**
 * Whether a server that cannot be reached is waited for, and when it is tried next. All times are given by the
 * caller, in one clock.
 *
 * ```text
 *            wanted                     waitMs over
 *   fine ───────────────► waited for ─────────────────► given up: commands are refused at once
 *     ▲                       │                             │
 *     └──── answered ─────────┴─────────────────────────────┘
 * ```
 *
 * A connection that breaks before it answered anything, soon after it was made, goes on with the same outage:
 * a server that accepts connections and closes them is not waited for anew each time.
 */
export class Outage {
  readonly #limits: OutageLimits;
  /** -1: the server is not missed. */
  #sinceMs = -1;
  #retryAtMs = 0;
  #failures = 0;
  #connectedAtMs = 0;

  constructor(limits: OutageLimits) {
    this.#limits = limits;
  }

  /** Attempts that failed, and connections that broke, since the server answered last. */
  get failures(): number {
    return this.#failures;
  }

  /** The server is missed, and looked for whether or not a command waits. */
  get isOn(): boolean {
    return this.#sinceMs >= 0;
  }

  /** When what came during this outage is given up; without a time to wait, when connecting fails. */
  get deadlineMs(): number {
    const { waitMs } = this.#limits;
    return waitMs === 0 ? Infinity : this.#sinceMs + waitMs;
  }

  /** A command found no connection. False: it is refused. */
  onWanted(nowMs: number): boolean {
    const { waitMs } = this.#limits;
    if (waitMs === 0) return false;
    if (this.#sinceMs < 0) this.#sinceMs = nowMs;
    return nowMs - this.#sinceMs < waitMs;
  }

  mayConnect(nowMs: number): boolean {
    return nowMs >= this.#retryAtMs;
  }

  onConnected(nowMs: number): void {
    this.#connectedAtMs = nowMs;
  }

  onAnswered(): void {
    this.#sinceMs = -1;
    this.#failures = 0;
  }

  /** A connection that was in use broke. */
  onBroken(nowMs: number): void {
    const isProven = this.#sinceMs < 0 || nowMs - this.#connectedAtMs >= this.#limits.waitMs;
    if (!isProven) {
      this.onRefused(nowMs);
      return;
    }
    this.#sinceMs = -1;
    this.#failures = 1;
    this.#retryAtMs = nowMs;
  }

  /** No connection could be made. */
  onRefused(nowMs: number): void {
    this.#failures++;
    const delayMs = this.#limits.retryDelayMs * this.#failures;
    this.#retryAtMs =
      nowMs + Math.min(delayMs, Math.max(this.#limits.retryDelayMs, RETRY_DELAY_MS_MAX));
  }
}
