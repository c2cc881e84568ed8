/**
 * How many connections per Redis server the clients of a loop spread over. Redis reads 16 KiB of a connection
 * per turn, so large requests want more connections than small ones, most of all in pipelines; for small ones
 * each costs system calls here and there, and nothing comes back for that while many clients wait for single replies: one connection serves them best.
 */
export interface LaneOptions {
  /** For small requests. */
  readonly usual: number;
  /** While requests are large on average and clients send several at a time; at most so many for single ones. */
  readonly large: number;
}

/** What was seen in a tenth of a second. */
export interface LanePeriod {
  readonly bytes: number;
  readonly requests: number;
  /** How often a client was read. */
  readonly reads: number;
  /** Replies that the servers owed at the end. */
  readonly waiting: number;
}

/** How many connections there are for the next period. */
export interface Lanes {
  readonly count: number;
  /** The most that servers owed lately: one moment may be a quiet one. */
  readonly waitingPeak: number;
}

/** Requests of so many bytes on average are large; a quarter below it they are small again. */
export const LARGE_REQUEST_BYTES = 512;
const SMALL_REQUEST_BYTES = 384;
/** Fewer requests than these in a period say nothing about the next one. */
const REQUESTS_MIN = 100;
/** Requests for each read from which on clients send more than one at a time. */
const PIPELINED_REQUESTS = 2;
/** So many single requests at a time are many; half as many are few again. */
export const MANY_WAITING = 80;
const PEAK_DECAY = 0.9;

/** The lanes for the next period, from what was seen in this one. */
export function nextLanes(lanes: Lanes, period: LanePeriod, { usual, large }: LaneOptions): Lanes {
  // A pause says nothing about what comes after it.
  if (period.requests < REQUESTS_MIN) return lanes;
  const waitingPeak = Math.max(period.waiting, lanes.waitingPeak * PEAK_DECAY);
  const next = (count: number): Lanes => ({ count, waitingPeak });
  const isPipelined = period.requests >= period.reads * PIPELINED_REQUESTS;
  const meanBytes = period.bytes / period.requests;
  if (meanBytes >= LARGE_REQUEST_BYTES) {
    return next(Math.max(usual, isPipelined ? large : Math.min(large, 2 * usual)));
  }
  if (meanBytes >= SMALL_REQUEST_BYTES) return next(lanes.count);
  const manyFrom = lanes.count === 1 ? MANY_WAITING / 2 : MANY_WAITING;
  return next(!isPipelined && waitingPeak >= manyFrom ? 1 : usual);
}
