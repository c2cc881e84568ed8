import type { CounterStats } from '../core/info.ts';

/** Where a loop's counters are in its array. Each only rises; what was reset is subtracted when they are read. */
export const COMMANDS_PROCESSED = 0;
export const ERROR_REPLIES = 1;
export const NET_INPUT_BYTES = 2;
export const NET_OUTPUT_BYTES = 3;
/** Connections that were accepted and are gone. */
export const CLIENTS_CLOSED = 4;

/** Clients closed because of too much input, and of too much output. */
export const CLIENTS_OVER_INPUT = 5;
export const CLIENTS_OVER_OUTPUT = 6;

/** Connections for subscriptions that broke, and messages that were too long for the clients of a loop. */
export const PUBSUB_LINKS_LOST = 7;
export const PUBSUB_MESSAGES_DROPPED = 8;

/** Commands that were not written when their connection broke, or that found none, and were sent over the next one. */
export const COMMANDS_RETRIED = 9;
/** Commands that only read, whose replies were lost, and that were sent again. */
export const COMMANDS_RESENT = 10;
/** Commands answered with an error that says that they may have been executed. */
export const COMMANDS_LOST = 11;
/** Commands answered with an error because their server could not be reached. */
export const COMMANDS_UNREACHABLE = 12;

/** How often a client was read. */
export const CLIENT_READS = 13;

/** Logins that failed. */
export const LOGINS_DENIED = 14;

/** Clients that sent something between two ticks: how many there were in each, added up. */
export const CLIENTS_ACTIVE = 15;

/** How often requests were gathered in a pause; see `moderation.ts`. */
export const REQUEST_PAUSES = 16;

/** How many there are. */
const COUNTER_COUNT = 17;

/** The counters of a proxy: an array for each loop, which alone writes there. */
export class LoopCounters {
  readonly #loops: readonly Float64Array[];
  readonly #zero = new Float64Array(COUNTER_COUNT);

  /** With several loops the arrays are in shared memory. */
  constructor(loopCount: number) {
    const bytes = COUNTER_COUNT * Float64Array.BYTES_PER_ELEMENT;
    this.#loops = Array.from(
      { length: loopCount },
      () => new Float64Array(loopCount > 1 ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes)),
    );
  }

  /** The array of one loop. */
  of(loop: number): Float64Array {
    const counters = this.#loops[loop];
    if (counters === undefined) throw new RangeError(`there is no loop ${loop}`);
    return counters;
  }

  /** All loops together, since the last reset. */
  sum(counter: number): number {
    return this.#total(counter) - (this.#zero[counter] ?? 0);
  }

  /** All of them as INFO shows them. */
  stats(): CounterStats {
    return {
      commandsProcessed: this.sum(COMMANDS_PROCESSED),
      errorReplies: this.sum(ERROR_REPLIES),
      netInputBytes: this.sum(NET_INPUT_BYTES),
      netOutputBytes: this.sum(NET_OUTPUT_BYTES),
      clientsOverInput: this.sum(CLIENTS_OVER_INPUT),
      clientsOverOutput: this.sum(CLIENTS_OVER_OUTPUT),
      loginsDenied: this.sum(LOGINS_DENIED),
      pubsubLinksLost: this.sum(PUBSUB_LINKS_LOST),
      pubsubMessagesDropped: this.sum(PUBSUB_MESSAGES_DROPPED),
      requestPauses: this.sum(REQUEST_PAUSES),
      losses: {
        retriedCount: this.sum(COMMANDS_RETRIED),
        resentCount: this.sum(COMMANDS_RESENT),
        lostCount: this.sum(COMMANDS_LOST),
        unreachableCount: this.sum(COMMANDS_UNREACHABLE),
      },
    };
  }

  reset(): void {
    for (let i = 0; i < COUNTER_COUNT; i++) this.#zero[i] = this.#total(i);
  }

  #total(counter: number): number {
    return this.#loops.reduce((sum, counters) => sum + (counters[counter] ?? 0), 0);
  }
}
