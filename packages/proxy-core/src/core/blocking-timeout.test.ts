import { encodeCommand, RequestScanner } from '@undermoon/resp';
import { expect, test } from 'vitest';
import { blockingTimeoutMs } from './blocking-timeout.ts';

test.each([
  ['BLPOP a b 1.5', 1500],
  ['blpop a 0', null],
  ['BRPOP a 0.01', 10],
  ['BRPOPLPUSH a b 2', 2000],
  ['BLMOVE a b LEFT RIGHT 3', 3000],
  ['BZPOPMIN a 1', 1000],
  ['BLMPOP 4 1 a LEFT', 4000],
  ['BZMPOP 0 1 a MIN', null],
  ['WAIT 1 50', 50],
  ['WAITAOF 1 1 0', null],
  ['XREAD COUNT 1 BLOCK 70 STREAMS BLOCK 0', 70],
  ['XREAD STREAMS BLOCK 0', null],
  ['XREADGROUP GROUP g c BLOCK 0 STREAMS a >', null],
  ['BLPOP a -1', 0],
  ['BLPOP a x', 0],
  ['BLPOP a inf', 0],
  ['BLPOP a 1e400', null],
  ['GET a', null],
])('%s: %s', (line, expected) => {
  const bytes = encodeCommand(line.split(' '));
  const scanner = new RequestScanner();
  scanner.scan(bytes, 0, bytes.length);
  expect(blockingTimeoutMs(bytes, scanner)).toBe(expected);
});
