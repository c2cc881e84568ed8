import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc16 } from './crc16.ts';

/** Bit by bit, as the polynomial's definition reads. */
function crc16BitByBit(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 0x8000) !== 0 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
    }
  }
  return crc;
}

describe('crc16', () => {
  it('gives the check value of CRC16/XMODEM', () => {
    const bytes = new TextEncoder().encode('123456789');
    expect(crc16(bytes, 0, bytes.length)).toBe(0x31c3);
  });

  it('gives 0 for no bytes', () => {
    expect(crc16(new Uint8Array(4), 2, 2)).toBe(0);
  });

  it('agrees with the definition on any part of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), fc.nat(64), (bytes, a, b) => {
        const start = Math.min(a, b, bytes.length);
        const end = Math.min(Math.max(a, b), bytes.length);
        expect(crc16(bytes, start, end)).toBe(crc16BitByBit(bytes.subarray(start, end)));
      }),
    );
  });
});
