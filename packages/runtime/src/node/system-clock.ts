import { performance } from 'node:perf_hooks';
import type { Clock, Millis } from '../clock.ts';

/** The machine's clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now() as Millis,
  monotonicMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
