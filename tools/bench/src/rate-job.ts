import type { HistogramRecord } from './latency-histogram.ts';

/** What one process of the load generator does. */
export interface RateJob {
  readonly port: number;
  readonly connections: number;
  readonly requestsPerSecond: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** What it writes to stdout, a line each. */
export type RateMessage =
  /** The warm-up is over: what is due from now on counts. */
  | { readonly kind: 'measuring' }
  | {
      readonly kind: 'done';
      readonly errors: number;
      /** Counted requests that left more than LATE_US after they were due. */
      readonly lateCount: number;
      readonly histogram: HistogramRecord;
    };

/**
 * Requests leave in small groups, as many as fall into this time. The clock of a group is its due time, not
 * when it really left, so that a generator or a server that falls behind makes latencies longer, not fewer.
 */
export const GROUP_US = 250;

/** A generator that is this late was kept from running; in a sound run hardly any request is. */
export const LATE_US = 2000;

/** How many requests are due by a time, in µs since the beginning: whole groups only. */
export function dueCount(elapsedUs: number, requestsPerSecond: number): number {
  if (elapsedUs < 0) return 0;
  const groups = Math.floor(elapsedUs / GROUP_US) + 1;
  return Math.floor(groups * perGroup(requestsPerSecond));
}

/** When the request of this number is due, in µs since the beginning. */
export function dueAtUs(index: number, requestsPerSecond: number): number {
  const group = Math.ceil((index + 1) / perGroup(requestsPerSecond)) - 1;
  return group * GROUP_US;
}

/** Requests per group; below one, some groups are empty. */
function perGroup(requestsPerSecond: number): number {
  return (requestsPerSecond * GROUP_US) / 1e6;
}
