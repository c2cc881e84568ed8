import { expect, test } from 'vitest';
import { InputCarry } from './input-carry.ts';

test('what is left behind a large command does not keep the buffer of that command', () => {
  const carry = new InputCarry(Buffer.alloc(3_000_000, 'a'), 0, 3_000_000);
  carry.append(Buffer.from('*2\r\n'), 0, 4);
  carry.consume(3_000_000);
  expect(carry.bytes.subarray(0, carry.length).toString()).toBe('*2\r\n');
  expect(carry.bytes.length).toBeLessThan(10_000);
});

test('a buffer of ordinary size is used on', () => {
  const carry = new InputCarry(Buffer.from('abcdef'), 0, 6);
  const { bytes } = carry;
  carry.consume(4);
  carry.append(Buffer.from('gh'), 0, 2);
  expect(carry.bytes).toBe(bytes);
  expect(carry.bytes.subarray(0, carry.length).toString()).toBe('efgh');
});
