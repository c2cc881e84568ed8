import { RequestScanner, type RespLimits } from '@undermoon/resp';
import type { Clock } from '@undermoon/runtime';
import { CommandHeads } from '../core/command-heads.ts';
import { renderCommandList } from '../core/command-reply.ts';
import { ClientOutput } from './client-output.ts';
import { LatencyMonitor } from './latency-monitor.ts';
import { LargeReplies } from './large-replies.ts';
import { RequestGathering } from './request-gathering.ts';
import { FlushList, type TurnEnd, type TurnFlush } from './turn-flush.ts';
import { Arena } from './slab.ts';
import { DataEventTransports } from './stream-transport.ts';
import type { TransportFactory } from './transport.ts';

/** How often `DataLoop.tick` is called. */
export const TICK_MS = 100;

// A loop that is later than this did not run for a while. Deadlines begin with the time of the tick before, so this is
// also how much too early they can be over.
const COUNTED_TICK_MS_MAX = 2 * TICK_MS;

/**
 * What all connections of one event loop share: the request scanner, the memory of reads and
 * writes, the output towards clients, and a clock that is read once per tick.
 */
export class DataLoop implements TurnEnd {
  readonly scanner: RequestScanner;
  readonly heads: CommandHeads = new CommandHeads();
  /** Replaced once, before the first socket, when it is known what this runtime can do. */
  transports: TransportFactory = new DataEventTransports();
  readonly arena: Arena = new Arena();
  readonly output: ClientOutput = new ClientOutput(this.arena);
  readonly largeReplies: LargeReplies = new LargeReplies(this);
  readonly clock: Clock;
  readonly latency: LatencyMonitor;
  /** Monotonic milliseconds, as of the last tick: precise enough for timeouts, free to read. */
  nowMs: number;
  /**
   * The same without the time in which the loop did not run (a suspended machine, a blocked process): what
   * peers sent meanwhile waits unread, so it must not count against them.
   */
  watchedMs = 0;
  #isTicking = false;
  #turns = 0;
  readonly #dirty = new FlushList();
  /** The commands of all clients for servers. */
  readonly requests: RequestGathering;
  readonly #commandLists: Buffer[] = [];
  readonly #flushTurn = (): void => this.#dirty.flush();

  constructor(options: {
    limits: Partial<RespLimits>;
    clock: Clock;
    latencyMonitorThresholdMs?: number;
  }) {
    this.scanner = new RequestScanner(options.limits);
    this.clock = options.clock;
    this.requests = new RequestGathering(options.clock);
    this.latency = new LatencyMonitor(options.latencyMonitorThresholdMs ?? 0, options.clock);
    this.nowMs = options.clock.monotonicMs();
  }

  /** Calls `flush.flushTurn()` once, after every socket that is ready in this turn has been read. */
  flushAtTurnEnd(flush: TurnFlush): void {
    if (this.#dirty.count === 0) setImmediate(this.#flushTurn);
    this.#dirty.add(flush);
  }

  /** The reply to COMMAND, made once: it takes milliseconds. Never to be changed. */
  commandList(protocol: 2 | 3): Buffer {
    return (this.#commandLists[protocol - 2] ??= renderCommandList(protocol));
  }

  /** Another number at each call, for those who take turns. */
  nextTurn(): number {
    this.#turns = (this.#turns + 1) % Number.MAX_SAFE_INTEGER;
    return this.#turns;
  }

  /** Reads the clock; called by the server's one coarse timer. */
  tick(): void {
    const nowMs = this.clock.monotonicMs();
    const sinceLastMs = nowMs - this.nowMs;
    // Until the first tick the proxy starts, and serves nobody.
    if (this.#isTicking) this.latency.note('event-loop', sinceLastMs - TICK_MS);
    this.#isTicking = true;
    this.watchedMs += Math.min(sinceLastMs, COUNTED_TICK_MS_MAX);
    this.nowMs = nowMs;
  }
}
