import { expect, test } from 'vitest';
import { cursorText, nextScanSlot, parseCursor } from './scan-cursor.ts';

test('a cursor carries the cursor of a server and a slot of that server', () => {
  const cursor = { inner: (1n << 49n) + 5n, slot: 16_383 };
  expect(parseCursor(cursorText(cursor))).toEqual(cursor);
  expect(parseCursor('0')).toEqual({ inner: 0n, slot: 0 });
  expect(cursorText({ inner: 0n, slot: 0 })).toBe('0');
});

test.each(['', '-1', '1.0', 'x', '18446744073709551616', '123456789012345678901'])(
  '%j is no cursor',
  (text) => {
    expect(parseCursor(text)).toBeNull();
  },
);

test('servers are scanned in the order of their lowest slots, each once', () => {
  const slots = Int16Array.from([-1, 1, 1, 0, 1, -2, -1, 2, 0, 2]);
  const order: number[] = [];
  for (let at = nextScanSlot(slots, 0); at !== null; at = nextScanSlot(slots, at + 1))
    order.push(at);
  expect(order).toEqual([1, 3, 7]);
  expect(nextScanSlot(new Int16Array(4).fill(-1), 0)).toBeNull();
});
