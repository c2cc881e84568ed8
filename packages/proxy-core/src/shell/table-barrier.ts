import type { CancelTimer, Clock, Logger } from '@undermoon/runtime';
import { changedSlots } from '../core/held-slots.ts';
import { EMPTY_TABLE, type RoutingTable } from '../core/routing-table.ts';
import {
  BARRIER_IDLE,
  type BarrierEffect,
  type BarrierEvent,
  type BarrierState,
  stepBarrier,
} from '../core/swap-barrier.ts';
import { type GateMessage, shareTable } from './loop-messages.ts';
import type { LoopThread } from './loop-thread.ts';
import type { ServingLoop } from './serving-loop.ts';

export interface TableBarrierParts {
  /** The loop that all this runs on. */
  readonly own: ServingLoop;
  readonly threads: readonly LoopThread[];
  /** See `Gate`. */
  readonly gateWord: Int32Array;
  /** How long a loop has to hold. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Takes all loops of a proxy to another table at one point: first each of them holds the commands for the
 * slots that change, then all use the new table and let go. Carries out what `core/swap-barrier.ts` decides.
 */
export class TableBarrier {
  readonly #parts: TableBarrierParts;
  #state: BarrierState<RoutingTable> = BARRIER_IDLE;
  /** The table that all loops use. */
  #committed = EMPTY_TABLE;
  #messageCount = 0;
  #cancelTimeout: CancelTimer | null = null;

  constructor(parts: TableBarrierParts) {
    this.#parts = parts;
  }

  /** When this returns, no loop routes a chunk by the old table that it has not begun with already. */
  change(table: RoutingTable): void {
    const loops = this.#parts.threads.map(({ index }) => index);
    this.#take({ kind: 'change', target: table, loops });
  }

  onHeld(loop: number, generation: number): void {
    this.#take({ kind: 'held', loop, generation });
  }

  destroy(): void {
    this.#cancelTimeout?.();
    this.#cancelTimeout = null;
  }

  #take(event: BarrierEvent<RoutingTable>): void {
    const { state, effects } = stepBarrier(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: BarrierEffect<RoutingTable>): void {
    switch (effect.kind) {
      case 'hold':
        this.#hold(effect.target, effect.generation);
        break;
      case 'commit':
        this.#commit(effect.target);
        break;
      case 'late':
        this.#parts.logger.warn({ loops: effect.loops }, 'event loops are late to hold commands');
        break;
    }
  }

  #hold(target: RoutingTable, generation: number): void {
    const { own, clock, timeoutMs } = this.#parts;
    const slots = changedSlots(this.#committed, target);
    this.#tellAll((number) => ({ kind: 'hold', number, generation, slots }));
    own.holdSlots(slots);
    this.#cancelTimeout ??= clock.after(timeoutMs, () => {
      this.#cancelTimeout = null;
      this.#take({ kind: 'timeout' });
    });
  }

  #commit(target: RoutingTable): void {
    const { own } = this.#parts;
    this.#cancelTimeout?.();
    this.#cancelTimeout = null;
    this.#committed = target;
    const table = shareTable(target);
    this.#tellAll((number) => ({ kind: 'commit', number, table }));
    own.useTable(target);
    own.release();
  }

  /** The word is raised after the message was sent, so that who sees the word finds the message. */
  #tellAll(messageOf: (number: number) => GateMessage): void {
    const number = ++this.#messageCount;
    const message = messageOf(number);
    for (const thread of this.#parts.threads) thread.tellGate(message);
    Atomics.store(this.#parts.gateWord, 0, number);
  }
}
