import os from 'node:os';
import { clientsToMove, needsAnotherLoop, type SpreadKind } from '../core/spread-policy.ts';
import { BusyMeter } from './busy-meter.ts';
import { CLIENTS_CLOSED, type LoopCounters } from './loop-counters.ts';
import type { LoopThread } from './loop-thread.ts';
import type { Client, Spread } from './proxy-context.ts';
import type { RequestGathering } from './request-gathering.ts';
import type { ServingLoop } from './serving-loop.ts';

const PERIOD_MS = 1000;

export interface ClientSpreadParts {
  readonly own: ServingLoop;
  /** Those of the loop that accepts. */
  readonly requests: RequestGathering;
  readonly threads: readonly LoopThread[];
  readonly counters: LoopCounters;
  readonly kind: SpreadKind;
}

/**
 * Which loop serves which client. Clients begin at the loop that accepts, where all requests gather in the same
 * batches; those that pipeline bring batches of their own and move on, and so do others when the loop is busy
 * and a core is idle. A client moves when it is owed nothing, with its session and what it has sent so far.
 */
export class ClientSpread implements Spread {
  readonly #parts: ClientSpreadParts;
  /** Clients of this loop that pipeline and stay. */
  readonly #pipelined = new Set<Client>();
  /** Clients that move to another loop as soon as they are owed nothing. */
  readonly #leaving = new Map<Client, LoopThread>();
  #isBusy = false;
  #wasBusy = false;
  readonly #meter: BusyMeter;
  #idleMs = idleMsOfCores();
  readonly #timer: NodeJS.Timeout;

  constructor(parts: ClientSpreadParts) {
    this.#parts = parts;
    this.#meter = new BusyMeter(() => parts.requests.pausedMs);
    this.#timer = setInterval(() => this.#look(), PERIOD_MS);
    if (parts.kind === 'when-needed') parts.own.spreadBy(this);
  }

  /** The loop for a new client; null: the one that accepts. */
  choose(): LoopThread | null {
    if (this.#parts.kind === 'when-needed' && !this.#isBusy) return null;
    const fewest = this.#fewest();
    return fewest !== null && clientsOf(fewest, this.#parts.counters) < this.#parts.own.clientCount
      ? fewest
      : null;
  }

  onPipelined(client: Client): void {
    const fewest = this.#fewest();
    const isFewer =
      fewest !== null && clientsOf(fewest, this.#parts.counters) <= this.#pipelined.size;
    if (isFewer) this.#move(client, fewest);
    else this.#pipelined.add(client);
  }

  onGone(client: Client): void {
    this.#pipelined.delete(client);
    const thread = this.#leaving.get(client);
    if (thread === undefined) return;
    this.#leaving.delete(client);
    thread.connectionsSent--;
  }

  destroy(): void {
    clearInterval(this.#timer);
  }

  #fewest(): LoopThread | null {
    const { threads, counters } = this.#parts;
    let fewest: LoopThread | null = null;
    for (const thread of threads) {
      if (fewest === null || clientsOf(thread, counters) < clientsOf(fewest, counters)) {
        fewest = thread;
      }
    }
    return fewest;
  }

  #move(client: Client, thread: LoopThread): void {
    if (this.#leaving.has(client)) return;
    // Counted from now on, so that the next one to move goes elsewhere.
    thread.connectionsSent++;
    this.#leaving.set(client, thread);
    client.whenQuiet(() => {
      if (!this.#leaving.delete(client)) return;
      const departure = client.leave();
      if (departure !== null) thread.adopt(departure);
      // Its state does not travel.
      else thread.connectionsSent--;
    });
  }

  /** Looks how busy this loop and the machine are. */
  #look(): void {
    const { own, counters, kind } = this.#parts;
    const { busyShare, periodMs } = this.#meter.next();
    const idleMs = idleMsOfCores();
    const idleCores = (idleMs - this.#idleMs) / Math.max(1, periodMs);
    this.#idleMs = idleMs;
    // For two periods: a moment of work is no load.
    const wasBusy = this.#wasBusy;
    this.#wasBusy = needsAnotherLoop({ utilization: busyShare, idleCores });
    this.#isBusy = wasBusy && this.#wasBusy;
    const fewest = this.#fewest();
    if (kind === 'at-once' || !this.#isBusy || fewest === null) return;
    let left = clientsToMove(own.clientCount, clientsOf(fewest, counters));
    for (const client of own.clients()) {
      if (left-- <= 0) break;
      this.#move(client, fewest);
    }
  }
}

/** Clients that a thread has, or will have. */
export function clientsOf(thread: LoopThread, counters: LoopCounters): number {
  return thread.connectionsSent - (counters.of(thread.index)[CLIENTS_CLOSED] ?? 0);
}

function idleMsOfCores(): number {
  return os.cpus().reduce((sum, { times }) => sum + times.idle, 0);
}
