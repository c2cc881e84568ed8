import { expect, test } from 'vitest';
import { memoryOfServers } from './server-memory.ts';

const told = (limit: string, policy: string): Buffer =>
  Buffer.from(`$9\r\n# Memory\r\nmaxmemory:${limit}\r\nmaxmemory_policy:${policy}\r\n\r\n`);

test.each([
  [[], []],
  [['-ERR no'], []],
  [[told('5', 'noeviction')], [5, 'noeviction']],
  [
    [told('5', 'noeviction'), told('7', 'noeviction'), '-ERR no'],
    [12, 'noeviction'],
  ],
  [
    [told('5', 'noeviction'), told('0', 'noeviction')],
    [0, 'noeviction'],
  ],
  [
    [told('5', 'noeviction'), told('7', 'allkeys-lru')],
    [12, 'allkeys-lru'],
  ],
])('%j', (replies, expected) => {
  const fields = memoryOfServers(replies.map((reply) => Buffer.from(reply)));
  expect(fields.map(([, value]) => value)).toEqual(expected);
});
