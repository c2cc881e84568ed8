/** When clients go to other loops; see `ProxyServerOptions.spreadClients`. */
export type SpreadKind = 'when-needed' | 'at-once';

/** How a loop and the machine were in the last period. */
export interface LoopLoad {
  /** Share of the time in which the loop had something to do, 0 to 1. */
  readonly utilization: number;
  /** Cores of the machine that had nothing to do, as a sum of shares. */
  readonly idleCores: number;
}

/** A client that waits for so many replies at once pipelines. */
export const PIPELINED_REPLIES = 8;

const BUSY_UTILIZATION = 0.9;
const MOVES_MAX = 256;

/**
 * Whether another loop would help: this one has no time left, and there is a core for another. Where there is
 * none, another loop makes everything slower: requests and replies gather in smaller batches.
 */
export function needsAnotherLoop({ utilization, idleCores }: LoopLoad): boolean {
  return utilization >= BUSY_UTILIZATION && idleCores >= 1;
}

/** How many clients go to the loop with the fewest, in steps, so that the load is seen to change. */
export function clientsToMove(own: number, fewest: number): number {
  return Math.max(0, Math.min(MOVES_MAX, Math.floor((own - fewest) / 4)));
}
