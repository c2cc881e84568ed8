import { performance } from 'node:perf_hooks';

/** Milliseconds for which a loop worked, or paused, and for which it waited, since it began. */
export interface LoopTime {
  readonly active: number;
  readonly idle: number;
}

/** How a loop spent some time. */
export interface BusyPeriod {
  /** The part in which it neither waited nor paused. */
  readonly busyShare: number;
  readonly pausedMs: number;
  readonly periodMs: number;
}

/** Measures how busy a loop is. The runtime takes a pause for work, which it is not. */
export class BusyMeter {
  readonly #pausedMs: () => number;
  readonly #time: () => LoopTime;
  #lastPausedMs: number;
  #last: LoopTime;

  /** `pausedMs`: in all, so far. `time`: by default as the runtime knows it. */
  constructor(
    pausedMs: () => number,
    time: () => LoopTime = () => performance.eventLoopUtilization(),
  ) {
    this.#pausedMs = pausedMs;
    this.#time = time;
    this.#lastPausedMs = pausedMs();
    this.#last = time();
  }

  /** The time since the last call. */
  next(): BusyPeriod {
    const time = this.#time();
    const allPausedMs = this.#pausedMs();
    const activeMs = time.active - this.#last.active;
    const periodMs = activeMs + time.idle - this.#last.idle;
    const pausedMs = allPausedMs - this.#lastPausedMs;
    this.#last = time;
    this.#lastPausedMs = allPausedMs;
    return { busyShare: periodMs > 0 ? (activeMs - pausedMs) / periodMs : 0, pausedMs, periodMs };
  }
}
