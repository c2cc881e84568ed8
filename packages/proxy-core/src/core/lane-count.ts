/**
 * How many connections per Redis server the clients of a loop spread over. Redis reads 16 KiB of a connection
 * per turn, so large requests want more connections than small ones, for which each costs system calls.
 */
export interface LaneOptions {
  /** For small requests. */
  readonly usual: number;
  /** While requests are large on average. */
  readonly large: number;
}

/** Requests of so many bytes on average are large; a quarter below it they are small again. */
export const LARGE_REQUEST_BYTES = 512;
const SMALL_REQUEST_BYTES = 384;
/** Fewer requests than these in a period say nothing about the next one. */
const REQUESTS_MIN = 100;

/** The count for the next period, from what clients sent in this one. */
export function nextLaneCount(
  current: number,
  period: { readonly bytes: number; readonly requests: number },
  { usual, large }: LaneOptions,
): number {
  if (period.requests < REQUESTS_MIN) return current;
  const meanBytes = period.bytes / period.requests;
  if (meanBytes >= LARGE_REQUEST_BYTES) return Math.max(usual, large);
  return meanBytes < SMALL_REQUEST_BYTES ? usual : current;
}
