import { expect, it } from 'vitest';
import { InputBuffer } from './input-buffer.ts';

function unread(input: InputBuffer): string {
  return input.bytes.toString('latin1', input.start, input.end);
}

it('keeps what is unread, in order, through any appends and reads', () => {
  const input = new InputBuffer();
  let expected = '';
  for (let i = 0; i < 3000; i++) {
    const chunk = String.fromCharCode(97 + (i % 26)).repeat((i * 37) % 500);
    input.append(Buffer.from(chunk));
    expected += chunk;
    const taken = Math.min(expected.length, (i * 61) % 700);
    input.consume(input.start + taken);
    expected = expected.slice(taken);
    if (unread(input) !== expected) expect(unread(input)).toBe(expected);
  }
  expect(unread(input)).toBe(expected);
});

it('copies the chunk', () => {
  const input = new InputBuffer();
  const chunk = Buffer.from('abc');
  input.append(chunk);
  chunk.fill(0);
  expect(unread(input)).toBe('abc');
});

it('stays as it is while its bytes are read as fast as they come', () => {
  const input = new InputBuffer();
  const { bytes } = input;
  for (let i = 0; i < 10_000; i++) {
    input.append(Buffer.alloc(1000));
    input.consume(input.end);
  }
  expect(input.bytes).toBe(bytes);
});

it('lets a large buffer go once it is read to the end', () => {
  const input = new InputBuffer();
  input.append(Buffer.alloc(5_000_000));
  expect(input.bytes.length).toBeGreaterThanOrEqual(5_000_000);
  input.consume(input.end);
  expect(input.bytes.length).toBeLessThanOrEqual(65_536);
});

it('shrinks when little is left unread of much', () => {
  const input = new InputBuffer();
  input.append(Buffer.alloc(1_000_000));
  input.consume(input.end - 10);
  input.append(Buffer.alloc(100));
  expect(input.end - input.start).toBe(110);
  expect(input.bytes.length).toBeLessThanOrEqual(65_536);
});

it('copies a long input only a few times, however small its chunks', () => {
  const input = new InputBuffer();
  let replaced = 0;
  let { bytes } = input;
  for (let i = 0; i < 100_000; i++) {
    input.append(Buffer.of(1));
    if (input.bytes !== bytes) replaced++;
    bytes = input.bytes;
  }
  expect(replaced).toBeLessThan(10);
});

it('moves many unread bytes rarely, however few are read at a time', () => {
  const input = new InputBuffer();
  input.append(Buffer.alloc(60_000));
  let moved = 0;
  for (let i = 0; i < 50_000; i++) {
    input.consume(input.start + 1);
    const { start } = input;
    input.append(Buffer.of(1));
    if (input.start !== start) moved++;
  }
  expect(input.end - input.start).toBe(60_000);
  expect(moved).toBeLessThan(10);
});
