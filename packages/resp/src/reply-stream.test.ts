import { expect, it } from 'vitest';
import { ReplyStream } from './reply-stream.ts';
import { MALFORMED } from './scan-result.ts';

function feed(stream: ReplyStream, text: string): number {
  return stream.feed(Buffer.from(text), 0, text.length);
}

it('is active from the first byte of a reply to its last', () => {
  const stream = new ReplyStream();
  expect(stream.isActive).toBe(false);
  expect(feed(stream, '')).toBe(0);
  expect(stream.isActive).toBe(false);
  expect(feed(stream, '*')).toBe(1);
  expect(stream.isActive).toBe(true);
  expect(feed(stream, '2\r\n:1\r\n$3\r\nab')).toBe(13);
  expect(stream.isActive).toBe(true);
  expect(feed(stream, 'c\r\n+next\r\n')).toBe(3);
  expect(stream.isActive).toBe(false);
});

it('stays MALFORMED, and active, once it was', () => {
  const stream = new ReplyStream();
  expect(feed(stream, '*1\r\n?')).toBe(MALFORMED);
  expect(feed(stream, '+OK\r\n')).toBe(MALFORMED);
  expect(stream.isActive).toBe(true);
});

it('passes a bulk far larger than any chunk', () => {
  const stream = new ReplyStream();
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  expect(feed(stream, '$1073741824\r\n')).toBe(13);
  for (let i = 0; i < 1024; i++) expect(stream.feed(chunk, 0, chunk.length)).toBe(chunk.length);
  expect(feed(stream, '\r\n:1\r\n')).toBe(2);
  expect(stream.isActive).toBe(false);
});
