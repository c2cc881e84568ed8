import type { SlotMarks } from '../core/held-slots.ts';
import type { Client } from './proxy-context.ts';

/** Clients of a loop whose next command waits: for slots that are held, or for what the loop still loads. */
export class HeldClients {
  readonly #routeBy: (held: SlotMarks | null) => void;
  readonly #flush: () => void;
  /** The slots that are held; null: none. */
  #held: SlotMarks | null = null;
  #parked: Client[] = [];

  /** `routeBy`: sends commands for these slots nowhere. `flush`: lets out what clients were answered. */
  constructor(routeBy: (held: SlotMarks | null) => void, flush: () => void) {
    this.#routeBy = routeBy;
    this.#flush = flush;
  }

  /** Holds add up until `release`. */
  holdSlots(slots: SlotMarks): void {
    this.#held = this.#held?.map((mark, slot) => mark | (slots[slot] ?? 0)) ?? slots;
    this.route();
  }

  /** There is another table; what is held stays so. */
  route(): void {
    this.#routeBy(this.#held);
  }

  park(client: Client): void {
    client.park();
    this.#parked.push(client);
  }

  /** Ends every hold. */
  release(): void {
    this.#held = null;
    this.route();
    this.retry();
  }

  /** Clients go on, in the order in which they came to wait, as far as nothing holds them any more. */
  retry(): void {
    const parked = this.#parked;
    this.#parked = [];
    for (const client of parked) client.unpark();
    this.#flush();
  }
}
