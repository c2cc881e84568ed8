import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc16 } from './crc16.ts';
import { keySlot, keySlotOf } from './key-slot.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('keySlotOf', () => {
  it.each([
    ['a', 15_495],
    ['b', 3300],
    ['key', 12_539],
    ['foo', 12_182],
    ['123456789', 12_739],
    ['', 0],
    ['user1000', 3443],
    ['{user1000}.following', 3443],
    ['{user1000}.followers', 3443],
    ['bar', 5061],
    ['foo{bar}{zap}', 5061],
    ['{bar', 4015],
    ['foo{{bar}}', 4015],
    ['foo{}{bar}', 8363],
    ['{}xxxxx', 4938],
    ['{', 4092],
  ])('%j is in slot %d', (key, slot) => {
    expect(keySlotOf(key)).toBe(slot);
  });

  it('hashes the whole key when the brace closes before it opens', () => {
    const key = encode('}bar{');
    expect(keySlot(key, 0, key.length)).toBe(crc16(key, 0, key.length) % 16_384);
  });

  it('hashes the bytes of UTF-8, not code units', () => {
    expect(keySlotOf('schlüssel')).toBe(keySlot(encode('schlüssel'), 0, 10));
  });
});

describe('keySlot', () => {
  it('looks at nothing outside the key', () => {
    const frame = encode('{x}foo{y}');
    expect(keySlot(frame, 3, 6)).toBe(keySlotOf('foo'));
    const open = encode('{bar}');
    expect(keySlot(open, 0, 4)).toBe(keySlotOf('{bar'));
  });

  it('puts every key with one hash tag into the slot of the tag', () => {
    const tag = fc.string({ minLength: 1 }).filter((text) => !/[{}]/.test(text));
    const before = fc.string().filter((text) => !text.includes('{'));
    fc.assert(
      fc.property(before, tag, fc.string(), (prefix, name, suffix) => {
        expect(keySlotOf(`${prefix}{${name}}${suffix}`)).toBe(keySlotOf(name));
      }),
    );
  });

  it('is what the specification says, wherever braces are', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab{}]{0,12}$/), (text) => {
        const tag = /^[^{]*\{([^}]+)\}/.exec(text)?.[1] ?? text;
        const bytes = encode(tag);
        expect(keySlotOf(text)).toBe(crc16(bytes, 0, bytes.length) % 16_384);
      }),
    );
  });

  it('is a slot for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const slot = keySlot(bytes, 0, bytes.length);
        expect(Number.isInteger(slot) && slot >= 0 && slot < 16_384).toBe(true);
      }),
    );
  });
});
