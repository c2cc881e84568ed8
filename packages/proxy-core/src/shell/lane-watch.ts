import { nextLanes, type LaneOptions, type Lanes } from '../core/lane-count.ts';
import type { BackendPool } from './backend-pool.ts';
import { CLIENT_READS, COMMANDS_PROCESSED, NET_INPUT_BYTES } from './loop-counters.ts';

/** Looks at the load of a loop, to choose how many connections per server its clients spread over. */
export class LaneWatch {
  readonly #counters: Float64Array;
  readonly #pool: BackendPool;
  readonly #options: LaneOptions;
  #lanes: Lanes;
  #seen = { bytes: 0, requests: 0, reads: 0 };

  constructor(counters: Float64Array, pool: BackendPool, options: LaneOptions) {
    this.#counters = counters;
    this.#pool = pool;
    this.#options = options;
    this.#lanes = { count: options.usual, waitingPeak: 0 };
  }

  /** The count for the time until the next call. */
  next(): number {
    const counters = this.#counters;
    const now = {
      bytes: counters[NET_INPUT_BYTES] ?? 0,
      requests: counters[COMMANDS_PROCESSED] ?? 0,
      reads: counters[CLIENT_READS] ?? 0,
    };
    const period = {
      bytes: now.bytes - this.#seen.bytes,
      requests: now.requests - this.#seen.requests,
      reads: now.reads - this.#seen.reads,
      waiting: this.#pool.waitingMost(),
    };
    this.#seen = now;
    this.#lanes = nextLanes(this.#lanes, period, this.#options);
    return this.#lanes.count;
  }
}
