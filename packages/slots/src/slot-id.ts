/** The number of hash slots of a Redis Cluster. */
export const SLOT_COUNT = 16_384;

/** A hash slot: a whole number at least 0 and below `SLOT_COUNT`. */
export type SlotId = number & { readonly __brand: 'SlotId' };

/** Returns the slot, or null when `value` is not one. */
export function parseSlotId(value: number): SlotId | null {
  return isSlotId(value) ? value : null;
}

/** The slot that a hash value falls into: its low bits, as `SLOT_COUNT` is a power of two. */
export function slotOfHash(hash: number): SlotId {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- masked; the data path has no time for a check
  return (hash & (SLOT_COUNT - 1)) as SlotId;
}

function isSlotId(value: number): value is SlotId {
  return Number.isInteger(value) && value >= 0 && value < SLOT_COUNT;
}
