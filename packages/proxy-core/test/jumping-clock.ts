import type { Clock } from '@undermoon/runtime';
import { systemClock } from '@undermoon/runtime/node';

/** The system's clock, whose monotonic time is `jumpMs` ahead: as if the process had not run for so long. */
export function jumpingClock(): Clock & { jumpMs: number } {
  const clock = {
    ...systemClock,
    jumpMs: 0,
    monotonicMs: () => systemClock.monotonicMs() + clock.jumpMs,
  };
  return clock;
}
