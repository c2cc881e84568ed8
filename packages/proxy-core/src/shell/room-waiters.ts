import type { DataLoop } from './data-loop.ts';
import type { TurnFlush } from './turn-flush.ts';

const OFFERS_AT_ONCE = 32;

/** Who wants to hear that there is room again. */
export interface RoomWaiter {
  onBackendRoom(): void;
}

/** Those who stopped sending to a server because it had no room. */
export class RoomWaiters<Waiter extends RoomWaiter> {
  readonly #waiting = new Set<Waiter>();

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** False: it waits already. */
  add(waiter: Waiter): boolean {
    if (this.#waiting.has(waiter)) return false;
    this.#waiting.add(waiter);
    return true;
  }

  /** Tells some, and the others at the end of the turn by way of `again`: they do not all fill the server at once. */
  offer(loop: DataLoop, again: TurnFlush): void {
    let left = OFFERS_AT_ONCE;
    for (const waiter of this.#waiting) {
      if (left-- === 0) break;
      this.#waiting.delete(waiter);
      waiter.onBackendRoom();
    }
    if (this.#waiting.size > 0) loop.flushAtTurnEnd(again);
  }
}
