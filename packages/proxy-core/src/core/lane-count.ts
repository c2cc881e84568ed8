import { type ClientLoad, isCrowded, isPipelined } from './client-load.ts';

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

/** Requests of so many bytes on average are large; a quarter below it they are small again. */
export const LARGE_REQUEST_BYTES = 512;
const SMALL_REQUEST_BYTES = 384;
/** Fewer requests than these in a period say nothing about the next one. */
const REQUESTS_MIN = 100;

/** The lanes for the next period, from what was seen in this one. */
export function nextLaneCount(
  count: number,
  load: ClientLoad,
  { usual, large }: LaneOptions,
): number {
  // A pause says nothing about what comes after it.
  if (load.requests < REQUESTS_MIN) return count;
  const meanBytes = load.bytes / load.requests;
  if (meanBytes >= LARGE_REQUEST_BYTES) {
    return Math.max(usual, isPipelined(load) ? large : Math.min(large, 2 * usual));
  }
  if (meanBytes >= SMALL_REQUEST_BYTES) return count;
  return isCrowded(load) ? 1 : usual;
}
