import type { ClientLoad } from '../core/client-load.ts';
import { nextLaneCount, type LaneOptions } from '../core/lane-count.ts';
import { type Moderation, nextModeration, UNMODERATED } from '../core/moderation.ts';
import { BusyMeter, type LoopTime } from './busy-meter.ts';
import {
  CLIENT_READS,
  CLIENTS_ACTIVE,
  COMMANDS_PROCESSED,
  NET_INPUT_BYTES,
  REQUEST_PAUSES,
} from './loop-counters.ts';
import type { RequestGathering } from './request-gathering.ts';

/** What was counted since the loop began. */
interface Seen {
  readonly bytes: number;
  readonly requests: number;
  readonly reads: number;
  readonly activeClients: number;
  readonly pauses: number;
}

/** How the load may be answered. */
export interface LoadWatchOptions {
  readonly lanes: LaneOptions;
  /** See `moderation.ts`. */
  readonly mayModerate: boolean;
  /** See `BusyMeter`. */
  readonly time?: () => LoopTime;
}

/**
 * Looks at the load of a loop, to choose how many connections per server its clients spread over, and whether it
 * moderates.
 */
export class LoadWatch {
  readonly #counters: Float64Array;
  readonly #gathering: RequestGathering;
  readonly #options: LoadWatchOptions;
  readonly #meter: BusyMeter;
  #laneCount: number;
  #moderation: Moderation = UNMODERATED;
  #seen: Seen;

  constructor(counters: Float64Array, gathering: RequestGathering, options: LoadWatchOptions) {
    this.#counters = counters;
    this.#gathering = gathering;
    this.#options = options;
    this.#meter = new BusyMeter(() => gathering.pausedMs, options.time);
    this.#laneCount = options.lanes.usual;
    this.#seen = this.#look();
  }

  /** Chooses for the time until the next call, a tenth of a second later, and returns the lanes. `clientCount`: now. */
  next(clientCount: number): number {
    const before = this.#seen;
    const now = this.#look();
    this.#seen = now;
    const load = {
      bytes: now.bytes - before.bytes,
      requests: now.requests - before.requests,
      reads: now.reads - before.reads,
      activeClients: Math.min(now.activeClients - before.activeClients, clientCount),
    };
    if (this.#options.mayModerate) this.#moderate(load, now.pauses - before.pauses);
    this.#counters[REQUEST_PAUSES] = now.pauses;
    this.#laneCount = nextLaneCount(this.#laneCount, load, this.#options.lanes);
    return this.#laneCount;
  }

  #moderate(load: ClientLoad, pauses: number): void {
    const { busyShare, pausedMs } = this.#meter.next();
    const pauseMs = pauses > 0 ? pausedMs / pauses : 0;
    this.#moderation = nextModeration(this.#moderation, load, { busyShare, pauseMs });
    this.#gathering.isModerated = this.#moderation.isOn;
  }

  #look(): Seen {
    const counters = this.#counters;
    return {
      bytes: counters[NET_INPUT_BYTES] ?? 0,
      requests: counters[COMMANDS_PROCESSED] ?? 0,
      reads: counters[CLIENT_READS] ?? 0,
      activeClients: counters[CLIENTS_ACTIVE] ?? 0,
      pauses: this.#gathering.pauses,
    };
  }
}
