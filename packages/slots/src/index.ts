export { crc16 } from './crc16.ts';
export { keySlot, keySlotOf } from './key-slot.ts';
export { parseSlotId, SLOT_COUNT } from './slot-id.ts';
export type { SlotId } from './slot-id.ts';
export {
  countSlots,
  equalRanges,
  hasSlot,
  intersectRanges,
  normalizeRanges,
  subtractRanges,
  unionRanges,
} from './slot-ranges.ts';
export type { SlotRange, SlotRanges } from './slot-ranges.ts';
