import type { NodeAddress } from '@undermoon/cluster-meta';
import { SLOT_COUNT } from '@undermoon/slots';
import { type RoutingTable, SLOT_HELD, SLOT_UNCOVERED } from './routing-table.ts';

/** One byte per slot; not 0: the slot is in the set. */
export type SlotMarks = Uint8Array;

/**
 * The slots that two tables send to different places, or whose values they store in different ways, or whose commands
 * they split in different ways.
 */
export function changedSlots(from: RoutingTable, to: RoutingTable): SlotMarks {
  const marks = new Uint8Array(SLOT_COUNT);
  const [before, after] = [from.config, to.config];
  if (before.compressionStrategy !== after.compressionStrategy) return marks.fill(1);
  if (before.splitCommands !== after.splitCommands) return marks.fill(1);
  const places = new Places();
  markChanged(
    marks,
    { slots: from.slots, ...places.of(from) },
    { slots: to.slots, ...places.of(to) },
  );
  return marks;
}

/** Whether `to` sends some slot elsewhere that `from` sends to a local node. */
export function hasLostSlots(from: RoutingTable, to: RoutingTable): boolean {
  return from.slots.some((value, slot) => {
    const owner = from.localNodes[value];
    return owner !== undefined && owner !== to.localNodes[to.slots[slot] ?? -1];
  });
}

/** A copy of a table's slots in which the marked ones are held. */
export function withHeld(slots: Int16Array, marks: SlotMarks): Int16Array {
  const held = slots.slice();
  for (let slot = 0; slot < held.length; slot++) if (marks[slot] !== 0) held[slot] = SLOT_HELD;
  return held;
}

interface PlacedSlots {
  readonly slots: Int16Array;
  /** The number of the place that a value of `slots` stands for is at `value + lowest`. */
  readonly places: Int32Array;
  readonly lowest: number;
}

/** All slots in one go, in a turn of the loop: so there is no map to ask for each. */
function markChanged(marks: SlotMarks, from: PlacedSlots, to: PlacedSlots): void {
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const before = from.places[(from.slots[slot] ?? 0) + from.lowest];
    if (before !== to.places[(to.slots[slot] ?? 0) + to.lowest]) marks[slot] = 1;
  }
}

const NOWHERE = 0;
const DOWN = 1;

/** Numbers for the places that slots are sent to, the same for all tables that are given to it. */
class Places {
  readonly #localIds = new Map<NodeAddress, number>();
  readonly #peerIds = new Map<NodeAddress, number>();
  #count = DOWN + 1;

  of({ clusterName, localNodes, peers }: RoutingTable): Omit<PlacedSlots, 'slots'> {
    const lowest = peers.length + 1;
    const places = new Int32Array(lowest + localNodes.length);
    // Without a cluster, keys may be redirected to the default address.
    places[lowest + SLOT_UNCOVERED] = clusterName === null ? NOWHERE : DOWN;
    for (const [index, address] of localNodes.entries()) {
      places[lowest + index] = this.#idOf(this.#localIds, address);
    }
    for (const [index, { address }] of peers.entries()) {
      places[lowest + SLOT_UNCOVERED - 1 - index] = this.#idOf(this.#peerIds, address);
    }
    return { places, lowest };
  }

  #idOf(ids: Map<NodeAddress, number>, address: NodeAddress): number {
    const known = ids.get(address);
    if (known !== undefined) return known;
    const id = this.#count++;
    ids.set(address, id);
    return id;
  }
}
