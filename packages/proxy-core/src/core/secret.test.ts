import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { secretEquals } from './secret.ts';

test('only the secret itself is equal to it', () => {
  const bytes = fc.uint8Array({ maxLength: 12 });
  fc.assert(
    fc.property(bytes, fc.string({ maxLength: 12 }), (given, secret) => {
      const isSame = Buffer.from(given).equals(Buffer.from(secret));
      expect(secretEquals(given, secret)).toBe(isSame);
      expect(secretEquals(Buffer.from(secret), secret)).toBe(true);
    }),
  );
  expect(secretEquals(Buffer.from('aa'), 'a')).toBe(false);
  expect(secretEquals(Buffer.from('a'), 'aa')).toBe(false);
  expect(secretEquals(Buffer.alloc(0), '')).toBe(true);
  expect(secretEquals(Buffer.alloc(0), 'a')).toBe(false);
});

test('a huge password costs no more reads than a short one', () => {
  let reads = 0;
  const given = new Proxy(new Uint8Array(1_000_000), {
    get(target, key) {
      reads++;
      const value: unknown = Reflect.get(target, key);
      return value;
    },
  });
  expect(secretEquals(given, 'secret')).toBe(false);
  expect(reads).toBeLessThan(50);
});
