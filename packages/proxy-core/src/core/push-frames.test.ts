import { MALFORMED } from '@undermoon/resp';
import { expect, test } from 'vitest';
import { PushFrames } from './push-frames.ts';

const FRAME = Buffer.from('>2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$2\r\nbc\r\n');

test.each([1, 2, 5, 1000])('frames come whole, however they are cut: %i bytes at once', (size) => {
  const frames: string[] = [];
  const pushes = new PushFrames(100, (frame) => frames.push(frame.toString()));
  const bytes = Buffer.concat([FRAME, FRAME, FRAME]);
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = Buffer.from(bytes.subarray(at, at + size));
    for (let pos = 0; pos < chunk.length;) pos = pushes.feed(chunk, pos, chunk.length);
    chunk.fill(0);
  }
  expect(frames).toEqual([FRAME, FRAME, FRAME].map(String));
  expect(pushes.isActive).toBe(false);
});

test('a frame whose rest will not come is forgotten', () => {
  const frames: string[] = [];
  const pushes = new PushFrames(100, (frame) => frames.push(frame.toString()));
  pushes.feed(FRAME, 0, 10);
  pushes.reset();
  expect(pushes.isActive).toBe(false);
  expect(pushes.feed(FRAME, 0, FRAME.length)).toBe(FRAME.length);
  expect(frames).toEqual([String(FRAME)]);
});

test('a frame may not be larger than allowed', () => {
  const pushes = new PushFrames(FRAME.length - 1, () => undefined);
  expect(pushes.feed(FRAME, 0, 10)).toBe(10);
  expect(pushes.feed(FRAME, 10, FRAME.length)).toBe(MALFORMED);
});
