import fc from 'fast-check';
import { encodeCommand } from '@undermoon/resp';
import { expect, test } from 'vitest';
import { FrameSplitter } from './frame-splitter.ts';

function collector(bytesMax: number): {
  splitter: FrameSplitter;
  frames: Buffer[];
  dropped: () => number;
} {
  const frames: Buffer[] = [];
  let count = 0;
  const splitter = new FrameSplitter(bytesMax, {
    take: (bytes, start, end) => frames.push(Buffer.from(bytes.subarray(start, end))),
    dropped: () => count++,
  });
  return { splitter, frames, dropped: () => count };
}

test('frames come out whole, however they are cut', () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(
      payloads,
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 50, maxLength: 50 }),
      (list, sizes) => {
        const sent = list.map((payload) => encodeCommand(['message', 'a', payload]));
        const { splitter, frames } = collector(10_000);
        const bytes = Buffer.concat(sent);
        for (let pos = 0, i = 0; pos < bytes.length; i++) {
          const size = Math.min(sizes[i % sizes.length] ?? 1, bytes.length - pos);
          // The buffer is overwritten after each call.
          const chunk = Buffer.from(bytes.subarray(pos, pos + size));
          expect(splitter.push(chunk, size)).toBe(true);
          chunk.fill(0);
          pos += size;
        }
        expect(frames).toEqual(sent);
      },
    ),
  );
});

test('a frame beyond the limit is dropped, the next one is not', () => {
  const { splitter, frames, dropped } = collector(100);
  const long = encodeCommand(['message', 'a', 'x'.repeat(5000)]);
  const short = encodeCommand(['message', 'a', 'y']);
  const bytes = Buffer.concat([long, short]);
  for (let pos = 0; pos < bytes.length; pos += 64) {
    const chunk = bytes.subarray(pos, pos + 64);
    splitter.push(chunk, chunk.length);
  }
  expect([frames, dropped()]).toEqual([[short], 1]);
});

test('what is no RESP is told', () => {
  const { splitter } = collector(100);
  expect(splitter.push(Buffer.from('hello'), 5)).toBe(false);
  const later = collector(100).splitter;
  expect(later.push(Buffer.from('*1\r\n$1\r'), 7)).toBe(true);
  expect(later.push(Buffer.from('x'), 1)).toBe(false);
});
