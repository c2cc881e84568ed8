import { RequestScanner, encodeCommand } from '@undermoon/resp';
import { describe, expect, test } from 'vitest';
import { findKeys, keyErrorText, KeyPositions } from './command-keys.ts';
import { resolveCommand } from './command-lookup.ts';

function errorOf(line: string): string {
  const bytes = encodeCommand(line.split(' '));
  const scanner = new RequestScanner();
  scanner.scan(bytes, 0, bytes.length);
  const id = resolveCommand(bytes, scanner);
  return keyErrorText(id, findKeys(id, bytes, scanner, new KeyPositions()));
}

describe('a stream read without streams gets the first fault from the left', () => {
  test.each([
    ['XREAD COUNT x a b c', 'ERR value is not an integer or out of range'],
    ['XREAD COUNT 1 a b c', 'ERR syntax error'],
    ['XREAD BLOCK x COUNT y', 'ERR timeout is not an integer or out of range'],
    ['XREAD BLOCK -1 COUNT y', 'ERR timeout is negative'],
    ['XREAD GROUP g c STREAMS a', 'ERR The GROUP option is only supported by XREADGROUP.'],
    ['XREAD NOACK STREAMS a', 'ERR The NOACK option is only supported by XREADGROUP.'],
    [
      'XREAD COUNT 1 STREAMS a',
      "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$'",
    ],
    [
      'XREADGROUP GROUP g c NOACK STREAMS a',
      "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>'",
    ],
    ['XREADGROUP GROUP g c COUNT 1 STREAMS', 'ERR syntax error'],
  ])('%s', (line, text) => {
    expect(errorOf(line).slice(0, text.length)).toBe(text);
  });
});
