import { RequestScanner, type RespLimits } from '@undermoon/resp';
import type { Clock } from '@undermoon/runtime';
import { ClientOutput } from './client-output.ts';
import { SlabPool } from './slab.ts';
import { DataEventTransports } from './stream-transport.ts';
import type { TransportFactory } from './transport.ts';

const COUNTED_TICK_MS_MAX = 500;

/** Something with bytes gathered during a loop turn. */
export interface TurnFlush {
  flushTurn(): void;
}

/**
 * What all connections of one event loop share: the request scanner, the read buffer (inside the
 * transports), the slabs, the output towards clients, and a clock that is read once per tick.
 */
export class DataLoop {
  readonly scanner: RequestScanner;
  /** Replaced once, before the first socket, when it is known what this runtime can do. */
  transports: TransportFactory = new DataEventTransports();
  readonly slabs: SlabPool = new SlabPool();
  readonly output: ClientOutput = new ClientOutput();
  readonly clock: Clock;
  /** Monotonic milliseconds, as of the last tick: precise enough for timeouts, free to read. */
  nowMs: number;
  /**
   * The same without the time in which the loop did not run (a suspended machine, a blocked process): what
   * peers sent meanwhile waits unread, so it must not count against them.
   */
  watchedMs = 0;
  #dirty: TurnFlush[] = [];
  /** Takes the place of `#dirty` during a flush, so that no turn needs a new array. */
  #flushed: TurnFlush[] = [];
  #isScheduled = false;
  readonly #flushTurn = (): void => {
    this.#isScheduled = false;
    const dirty = this.#dirty;
    this.#dirty = this.#flushed;
    this.#flushed = dirty;
    for (let i = 0; i < dirty.length; i++) dirty[i]!.flushTurn();
    dirty.length = 0;
  };

  constructor(options: { limits: Partial<RespLimits>; clock: Clock }) {
    this.scanner = new RequestScanner(options.limits);
    this.clock = options.clock;
    this.nowMs = options.clock.monotonicMs();
  }

  /** Calls `flush.flushTurn()` once, after every socket that is ready in this turn has been read. */
  flushAtTurnEnd(flush: TurnFlush): void {
    this.#dirty.push(flush);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#flushTurn);
  }

  /** Reads the clock; called by the server's one coarse timer. */
  tick(): void {
    const nowMs = this.clock.monotonicMs();
    this.watchedMs += Math.min(nowMs - this.nowMs, COUNTED_TICK_MS_MAX);
    this.nowMs = nowMs;
  }
}
