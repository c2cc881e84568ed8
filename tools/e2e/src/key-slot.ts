/** The number of hash slots of a Redis Cluster. */
export const SLOT_COUNT = 16_384;

/** The slot of a key, computed apart from the product's own code: CRC16/XMODEM of the hash tag, modulo 16384. */
export function keySlot(key: string): number {
  const open = key.indexOf('{');
  const close = open === -1 ? -1 : key.indexOf('}', open + 1);
  const tag = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    }
    crc &= 0xffff;
  }
  return crc % SLOT_COUNT;
}

/** One hash tag for each slot, by slot. */
export function slotTags(): readonly string[] {
  const tags: string[] = [];
  let found = 0;
  for (let number = 0; found < SLOT_COUNT; number += 1) {
    const tag = number.toString(36);
    const slot = keySlot(tag);
    if (tags[slot] !== undefined) continue;
    tags[slot] = tag;
    found += 1;
  }
  return tags;
}
