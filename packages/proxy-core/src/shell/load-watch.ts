import { performance } from 'node:perf_hooks';
import { nextLaneCount, type LaneOptions } from '../core/lane-count.ts';
import { isCrowded, type Moderation, nextModeration, UNMODERATED } from '../core/moderation.ts';
import {
  CLIENT_READS,
  CLIENTS_ACTIVE,
  COMMANDS_PROCESSED,
  NET_INPUT_BYTES,
  REQUEST_PAUSES,
} from './loop-counters.ts';
import type { RequestGathering } from './request-gathering.ts';

/** Milliseconds for which a loop worked, or paused, and for which it waited, since it began. */
interface WorkedTime {
  readonly active: number;
  readonly idle: number;
}

/** What was counted since the loop began. */
interface Seen {
  readonly bytes: number;
  readonly requests: number;
  readonly reads: number;
  readonly activeClients: number;
  readonly pauses: number;
  readonly pausedMs: number;
  readonly worked: WorkedTime;
}

/** How the load may be answered. */
export interface LoadWatchOptions {
  readonly lanes: LaneOptions;
  /** See `moderation.ts`. */
  readonly mayModerate: boolean;
  /** Default: as the runtime knows it. */
  readonly worked?: () => WorkedTime;
}

/**
 * Looks at the load of a loop, to choose how many connections per server its clients spread over, and whether it
 * moderates.
 */
export class LoadWatch {
  readonly #counters: Float64Array;
  readonly #gathering: RequestGathering;
  readonly #options: LoadWatchOptions;
  readonly #worked: () => WorkedTime;
  #laneCount: number;
  #moderation: Moderation = UNMODERATED;
  #seen: Seen;

  constructor(counters: Float64Array, gathering: RequestGathering, options: LoadWatchOptions) {
    this.#counters = counters;
    this.#gathering = gathering;
    this.#options = options;
    this.#worked = options.worked ?? (() => performance.eventLoopUtilization());
    this.#laneCount = options.lanes.usual;
    this.#seen = this.#look();
  }

  /** Chooses for the time until the next call, a tenth of a second later, and returns the lanes. `clientCount`: now. */
  next(clientCount: number): number {
    const before = this.#seen;
    const now = this.#look();
    this.#seen = now;
    const clients = {
      requests: now.requests - before.requests,
      reads: now.reads - before.reads,
      activeClients: Math.min(now.activeClients - before.activeClients, clientCount),
    };
    if (this.#options.mayModerate) {
      this.#moderation = nextModeration(this.#moderation, clients, loopLoad(before, now));
      this.#gathering.isModerated = this.#moderation.isOn;
      const counted = this.#counters[REQUEST_PAUSES] ?? 0;
      this.#counters[REQUEST_PAUSES] = counted + now.pauses - before.pauses;
    }
    const { requests, reads } = clients;
    const bytes = now.bytes - before.bytes;
    const load = { bytes, requests, reads, isCrowded: isCrowded(clients) };
    this.#laneCount = nextLaneCount(this.#laneCount, load, this.#options.lanes);
    return this.#laneCount;
  }

  #look(): Seen {
    const counters = this.#counters;
    return {
      bytes: counters[NET_INPUT_BYTES] ?? 0,
      requests: counters[COMMANDS_PROCESSED] ?? 0,
      reads: counters[CLIENT_READS] ?? 0,
      activeClients: counters[CLIENTS_ACTIVE] ?? 0,
      pauses: this.#gathering.pauses,
      pausedMs: this.#gathering.pausedMs,
      worked: this.#worked(),
    };
  }
}

function loopLoad(before: Seen, now: Seen): { busyShare: number; pauseMs: number } {
  const active = now.worked.active - before.worked.active;
  const idle = now.worked.idle - before.worked.idle;
  const pausedMs = now.pausedMs - before.pausedMs;
  const pauses = now.pauses - before.pauses;
  return {
    busyShare: active + idle > 0 ? (active - pausedMs) / (active + idle) : 0,
    pauseMs: pauses > 0 ? pausedMs / pauses : 0,
  };
}
