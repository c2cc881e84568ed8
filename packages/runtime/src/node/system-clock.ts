import { performance } from 'node:perf_hooks';
import type { CancelTimer, Clock, Millis } from '../clock.ts';

// A longer delay would overflow in setTimeout and fire at once.
const TIMER_DELAY_MAX = 2_147_483_647;

/** The machine's clock and timers. A pending timer keeps the process alive. */
export const systemClock: Clock = {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is where the unit comes from
  now: () => Date.now() as Millis,
  monotonicMs: () => performance.now(),
  after,
};

function after(delayMs: number, callback: () => void): CancelTimer {
  let timer = arm(delayMs);
  return () => clearTimeout(timer);

  function arm(restMs: number): NodeJS.Timeout {
    if (restMs <= TIMER_DELAY_MAX) return setTimeout(callback, restMs);
    return setTimeout(() => {
      timer = arm(restMs - TIMER_DELAY_MAX);
    }, TIMER_DELAY_MAX);
  }
}
