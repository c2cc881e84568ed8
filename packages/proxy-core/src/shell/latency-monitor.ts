import type { Clock } from '@undermoon/runtime';
import {
  forgetLatency,
  type LatencyEvent,
  type LatencyEventName,
  noteLatency,
} from '../core/latency-events.ts';

/** Notes what took long on one event loop. */
export class LatencyMonitor {
  /** 0: nothing is noted. */
  thresholdMs: number;
  readonly #clock: Clock;
  #events: readonly LatencyEvent[] = [];

  constructor(thresholdMs: number, clock: Clock) {
    this.thresholdMs = thresholdMs;
    this.#clock = clock;
  }

  get events(): readonly LatencyEvent[] {
    return this.#events;
  }

  /** Something ended that lasted so long. */
  note(name: LatencyEventName, durationMs: number): void {
    if (this.thresholdMs === 0 || durationMs < this.thresholdMs) return;
    const atSeconds = Math.floor(this.#clock.now() / 1000);
    this.#events = noteLatency(this.#events, name, { atSeconds, ms: Math.floor(durationMs) });
  }

  /** The same for something that began at `startMs` of the monotonic clock. */
  noteSince(name: LatencyEventName, startMs: number): void {
    if (this.thresholdMs !== 0) this.note(name, this.#clock.monotonicMs() - startMs);
  }

  /** Returns the events that there were; `names`: null for all. */
  forget(names: readonly string[] | null): readonly LatencyEvent[] {
    const { kept, forgotten } = forgetLatency(this.#events, names);
    this.#events = kept;
    return forgotten;
  }
}
