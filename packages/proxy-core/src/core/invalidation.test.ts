import { expect, test } from 'vitest';
import { InvalidationBacklog } from './invalidation-backlog.ts';
import { allKeys, invalidationFor, payloadOf } from './invalidation.ts';

const PUSH = '>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n';
const PAYLOAD = '*1\r\n$1\r\nk\r\n';

test('a push is passed on in the form of who gets it', () => {
  const payload = payloadOf(Buffer.from(PUSH));
  expect(String(payload)).toBe(PAYLOAD);
  const bytes = Buffer.from(PAYLOAD);
  expect(String(invalidationFor(bytes, { protocol: 3, isSubscriber: false }))).toBe(PUSH);
  expect(String(invalidationFor(bytes, { protocol: 2, isSubscriber: true }))).toBe(
    `*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n${PAYLOAD}`,
  );
  expect(invalidationFor(bytes, { protocol: 2, isSubscriber: false })).toBeNull();
  expect(payloadOf(Buffer.from('>2\r\n$3\r\nfoo\r\n:1\r\n'))).toBeNull();
});

test('a backlog that grows too large becomes a word about all keys', () => {
  const backlog = new InvalidationBacklog(30);
  const payload = Buffer.from(PAYLOAD);
  backlog.add(payload, 3);
  backlog.add(payload, 3);
  expect(backlog.takeAll()).toEqual([payload, payload]);
  expect(backlog.isEmpty).toBe(true);
  for (let i = 0; i < 3; i++) backlog.add(payload, 2);
  backlog.add(payload, 2);
  expect(backlog.takeAll()).toEqual([allKeys(2), payload]);
});
