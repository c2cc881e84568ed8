import { crc16, crc16Without } from './crc16.ts';
import { slotOfHash, type SlotId } from './slot-id.ts';

const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/**
 * The hash slot of the key `bytes[start, end)`. If the key holds a `{` and a later `}` with at least one
 * byte between the first of each, only those bytes are hashed (Redis Cluster specification, "hash tags").
 */
export function keySlot(bytes: Uint8Array, start: number, end: number): SlotId {
  const hash = crc16Without(bytes, start, end, OPEN_BRACE);
  return hash >= 0 ? slotOfHash(hash) : slotOfTagged(bytes, start, end);
}

/** The hash slot of a key given as text (encoded as UTF-8). For tools and tests; data paths hash bytes. */
export function keySlotOf(key: string): SlotId {
  const bytes = new TextEncoder().encode(key);
  return keySlot(bytes, 0, bytes.length);
}

/** Of a key that holds a `{`. */
function slotOfTagged(bytes: Uint8Array, start: number, end: number): SlotId {
  let open = start;
  while (bytes[open] !== OPEN_BRACE) open++;
  let close = open + 1;
  while (close < end && bytes[close] !== CLOSE_BRACE) close++;
  const hasTag = close < end && close > open + 1;
  return slotOfHash(hasTag ? crc16(bytes, open + 1, close) : crc16(bytes, start, end));
}
