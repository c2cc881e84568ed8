/** The number of hash slots of a Redis Cluster. */
export const SLOT_COUNT = 16_384;

/** A hash slot: a whole number at least 0 and below `SLOT_COUNT`. */
export type SlotId = number & { readonly __brand: 'SlotId' };

/** Returns the slot, or null when `value` is not one. */
export function parseSlotId(value: number): SlotId | null {
  return Number.isInteger(value) && value >= 0 && value < SLOT_COUNT ? (value as SlotId) : null;
}
