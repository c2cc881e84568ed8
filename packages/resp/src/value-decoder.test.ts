import { expect, it } from 'vitest';
import { ValueDecoder } from './value-decoder.ts';

it('keeps no view of what is pushed, and gives none of what it keeps', () => {
  const decoder = new ValueDecoder();
  const chunk = Buffer.from('*2\r\n$3\r\nabc\r\n=7\r\ntxt:def\r\n$3\r\nxyz\r\n');
  decoder.push(chunk);
  chunk.fill(0);
  const first = decoder.next();
  decoder.push(Buffer.from('$3\r\n123\r\n'.repeat(1000)));
  const second = decoder.next();
  for (let value = decoder.next(); value !== undefined; value = decoder.next());
  expect(first).toStrictEqual({
    type: 'array',
    items: [
      { type: 'bulk', value: Buffer.from('abc') },
      { type: 'verbatim', format: 'txt', value: Buffer.from('def') },
    ],
  });
  expect(second).toStrictEqual({ type: 'bulk', value: Buffer.from('xyz') });
});

it('decodes a large bulk that comes in small chunks', () => {
  const decoder = new ValueDecoder();
  const size = 3_000_000;
  decoder.push(Buffer.from(`*2\r\n$${size}\r\n`));
  const chunk = Buffer.alloc(1000, 'x');
  for (let sent = 0; sent < size; sent += chunk.length) {
    decoder.push(chunk);
    if (decoder.next() !== undefined) throw new Error(`decoded after ${sent} bytes`);
  }
  decoder.push(Buffer.from('\r\n:1\r\n'));
  const value = decoder.next();
  if (value?.type !== 'array' || value.items[0]?.type !== 'bulk') throw new Error('not decoded');
  expect(value.items[0].value.equals(Buffer.alloc(size, 'x'))).toBe(true);
});

it('counts elements and depth of each reply anew', () => {
  const decoder = new ValueDecoder({ arrayLengthMax: 3, nestingDepthMax: 2 });
  for (let i = 0; i < 10; i++) {
    decoder.push(Buffer.from('*2\r\n*1\r\n:1\r\n:2\r\n'));
    expect(decoder.next()?.type).toBe('array');
  }
});
