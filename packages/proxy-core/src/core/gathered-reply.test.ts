import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { GatheredReply } from './gathered-reply.ts';

const bytes = Buffer.from('0123456789');

test('pieces are put together, and are copies', () => {
  const reply = new GatheredReply({ left: 10 });
  const given = Buffer.from(bytes);
  reply.add(given, 0, 4);
  reply.add(given, 4, 10);
  given.fill(0);
  expect(reply.whole()?.toString()).toBe('0123456789');
});

test('one byte too many is too much, for all that share the room', () => {
  const room = { left: 10 };
  const [first, second] = [new GatheredReply(room), new GatheredReply(room)];
  first.add(bytes, 0, 6);
  expect(first.whole()?.length).toBe(6);
  second.add(bytes, 0, 5);
  expect([first.whole(), second.whole()]).toEqual([null, null]);
});

test('what is forgotten makes room again', () => {
  const room = { left: 10 };
  const reply = new GatheredReply(room);
  reply.add(bytes, 0, 10);
  reply.add(bytes, 0, 10);
  reply.forget();
  expect(room.left).toBe(10);
  reply.add(bytes, 2, 10);
  expect(reply.whole()?.toString()).toBe('23456789');
});
