import { encodeCommand } from '@undermoon/resp';
import { keySlotOf, SLOT_COUNT } from '@undermoon/slots';
import { expect, test } from 'vitest';
import { SlotKeys } from './slot-keys.ts';

const SLOT = keySlotOf('a');
const wanted = new Uint8Array(SLOT_COUNT).fill(1, SLOT, SLOT + 1);

function page(cursor: string, ...keys: string[]): Buffer {
  // A command has the form of an array of bulk strings.
  return Buffer.concat([Buffer.from('*2\r\n'), encodeCommand([cursor]).subarray(4), listOf(keys)]);
}

function listOf(keys: readonly string[]): Buffer {
  const words = keys.map((key) => Buffer.from(key, 'latin1'));
  return keys.length === 0 ? Buffer.from('*0\r\n') : encodeCommand(words);
}

const found = (keysMax = Infinity, bytesMax = 1e6) => new SlotKeys({ wanted, keysMax, bytesMax });

test('keeps the keys of the wanted slots, each once', () => {
  const keys = found();
  expect(keys.take(page('17', 'a', 'b', '{a}\u0000\xff', 'a'))).toEqual({ cursor: '17' });
  expect(keys.take(page('9', '{a}\u0000\xff'))).toEqual({ cursor: '9' });
  expect(keys.take(page('0'))).toBe('done');
  expect(keys.counts[SLOT]).toBe(2);
  expect(keys.keys().map((key) => key.toString('latin1'))).toEqual(['a', '{a}\u0000\xff']);
});

test('stops at the wanted number of keys, and at the limit of memory', () => {
  const few = found(2);
  expect(few.take(page('17', 'a', '{a}1', '{a}2'))).toBe('done');
  expect(few.keys().map(String)).toEqual(['a', '{a}1']);
  expect(found(Infinity, 130).take(page('17', 'a', '{a}1'))).toBe('too-large');
});

test.each([
  '+OK\r\n',
  '*1\r\n$1\r\n0\r\n',
  '*2\r\n:0\r\n*0\r\n',
  '*2\r\n$1\r\n0\r\n*1\r\n$-1\r\n',
  ':1\r\n',
])('a reply that is no page: %j', (reply) => {
  expect(found().take(Buffer.from(reply))).toBe('malformed');
});
