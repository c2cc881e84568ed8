import { SLOT_COUNT } from '@undermoon/slots';
import { type RoutingTable, SLOT_HELD } from './routing-table.ts';

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
  const idOf = new Map<string, number>();
  const fromPlaces = placesOf(from, idOf);
  const toPlaces = placesOf(to, idOf);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const fromPlace = fromPlaces.get(from.slots[slot] ?? 0);
    if (fromPlace !== toPlaces.get(to.slots[slot] ?? 0)) marks[slot] = 1;
  }
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
  const held = Int16Array.from(slots);
  for (let slot = 0; slot < held.length; slot++) if (marks[slot] !== 0) held[slot] = SLOT_HELD;
  return held;
}

/** By value of `slots`: a number for the place that it stands for, the same in all tables of one `idOf`. */
function placesOf(table: RoutingTable, idOf: Map<string, number>): ReadonlyMap<number, number> {
  const places = new Map<number, number>();
  const add = (value: number, place: string): void => {
    const id = idOf.get(place) ?? idOf.size;
    idOf.set(place, id);
    places.set(value, id);
  };
  // Without a cluster, keys may be redirected to the default address.
  add(-1, table.clusterName === null ? 'nowhere' : 'down');
  for (const [index, address] of table.localNodes.entries()) add(index, `local ${address}`);
  for (const [index, { address }] of table.peers.entries()) add(-2 - index, `peer ${address}`);
  return places;
}
