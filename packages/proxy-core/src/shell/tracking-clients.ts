import { hasLostSlots } from '../core/held-slots.ts';
import type { RoutingTable } from '../core/routing-table.ts';
import type { ClientTracking } from './client-tracking.ts';

/** The clients of one loop that track keys. */
export class TrackingClients {
  readonly #all = new Set<ClientTracking>();

  get count(): number {
    return this.#all.size;
  }

  add(tracking: ClientTracking): void {
    this.#all.add(tracking);
  }

  delete(tracking: ClientTracking): void {
    this.#all.delete(tracking);
  }

  /** Every client routes by another table now. */
  onTableChange(): void {
    // The same for all clients of a port.
    const known = new Map<RoutingTable, boolean>();
    const isLosing = (from: RoutingTable, to: RoutingTable): boolean => {
      const answer = known.get(from) ?? hasLostSlots(from, to);
      known.set(from, answer);
      return answer;
    };
    for (const tracking of this.#all) tracking.onTableChange(isLosing);
  }

  /** Called by the coarse timer. */
  tick(): void {
    for (const tracking of this.#all) tracking.onTick();
  }
}
