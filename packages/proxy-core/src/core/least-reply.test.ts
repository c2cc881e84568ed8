import { expect, test } from 'vitest';
import { leastOf } from './least-reply.ts';

test.each([
  [[':3'], ':3'],
  [[':3', ':0', ':2'], ':0'],
  [['*2\r\n:1\r\n:5', '*2\r\n:0\r\n:7'], '*2\r\n:0\r\n:5'],
  [[':1', '-ERR no', ':0'], '-ERR no'],
])('of %j', (replies, least) => {
  expect(leastOf(replies)).toBe(least);
});
