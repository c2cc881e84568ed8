import { Buffer } from 'node:buffer';
import { keySlotOf } from '@undermoon/slots';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BAD_ARITY,
  findKeys,
  isArityOk,
  keyErrorText,
  KeyPositions,
  KEYS_SYNTAX,
  locateKeys,
  NUMKEYS_NOT_INTEGER,
  NUMKEYS_TOO_LARGE,
  NUMKEYS_TOO_SMALL,
  singleKeyIndex,
  SLOT_NONE,
  slotOfKeys,
  SLOTS_DIFFER,
} from './command-keys.ts';
import { type CommandFrame, isForwarded, resolveCommand } from './command-lookup.ts';
import { COMMAND_ID, COMMAND_NAMES } from './command-table.generated.ts';

interface Request {
  readonly bytes: Buffer;
  readonly frame: CommandFrame;
  readonly id: number;
}

/** A request with one byte between its words, split at blanks. `''` is an empty word. */
function request(line: string): Request {
  return requestOf(line.split(' ').map((word) => (word === "''" ? '' : word)));
}

function requestOf(words: readonly string[]): Request {
  const bytes = Buffer.from(` ${words.join(' ')} `);
  let offset = 0;
  const argEnd = Int32Array.from(words, (word) => (offset += Buffer.byteLength(word) + 1));
  const argStart = argEnd.map((end, i) => end - Buffer.byteLength(words[i] ?? ''));
  const frame = { argc: words.length, argStart, argEnd };
  return { bytes, frame, id: resolveCommand(bytes, frame) };
}

function keysOf(line: string): number[] | number {
  const { bytes, frame, id } = request(line);
  const keys = new KeyPositions();
  const count = findKeys(id, bytes, frame, keys);
  return count < 0 ? count : [...keys.indexes.subarray(0, count)];
}

function errorOf(line: string): string {
  const { bytes, frame, id } = request(line);
  return keyErrorText(id, findKeys(id, bytes, frame, new KeyPositions()));
}

describe('findKeys', () => {
  test.each<[string, number[]]>([
    ['GET a', [1]],
    ['PING', []],
    ['DEL a b c', [1, 2, 3]],
    ['MSET a 1 b 2', [1, 3]],
    ['RENAME a b', [1, 2]],
    ['BITOP AND d a b', [2, 3, 4]],
    ['LCS a b IDX', [1, 2]],
    ['OBJECT ENCODING a', [2]],
    ['MEMORY USAGE a SAMPLES 5', [2]],
    ['XGROUP CREATE s g $ MKSTREAM', [2]],
    ['XINFO STREAM s FULL', [2]],
    ['EVAL return 2 a b c', [3, 4]],
    ['FCALL_RO f 1 a', [3]],
    ['ZUNION 2 a b WEIGHTS 1 2', [2, 3]],
    ['ZUNIONSTORE d 2 a b AGGREGATE MAX', [1, 3, 4]],
    ['SINTERCARD 2 a b LIMIT 1', [2, 3]],
    ['LMPOP 1 a LEFT', [2]],
    ['XREAD COUNT 2 STREAMS a b 0 0', [4, 5]],
    ['XREADGROUP GROUP g streams NOACK STREAMS a >', [6]],
    ['GEORADIUS a 1 2 3 km STORE b', [1, 7]],
    ['GEORADIUSBYMEMBER a m 3 km STOREDIST b STORE c', [1, 8, 6]],
    ['SORT a LIMIT 0 1 STORE b', [1, 6]],
    ['SORT a BY nosort', [1]],
    ['SORT_RO a DESC', [1]],
    ['COPY a b DB 0 REPLACE', [1, 2]],
    ['SET a b GET', [1]],
  ])('%s', (line, keys) => {
    expect(keysOf(line)).toEqual(keys);
  });

  test.each<[string, number, string]>([
    ['GET', BAD_ARITY, "ERR wrong number of arguments for 'get' command"],
    ['GET a b', BAD_ARITY, "ERR wrong number of arguments for 'get' command"],
    ['OBJECT', BAD_ARITY, "ERR wrong number of arguments for 'object' command"],
    ['OBJECT ENCODING', BAD_ARITY, "ERR wrong number of arguments for 'object|encoding' command"],
    ['EVAL x 3 a b', NUMKEYS_TOO_LARGE, "ERR Number of keys can't be greater than number of args"],
    ['EVAL x -1 a', NUMKEYS_TOO_SMALL, "ERR Number of keys can't be negative"],
    ['EVAL x y a', NUMKEYS_NOT_INTEGER, 'ERR value is not an integer or out of range'],
    ['ZUNION 0 a', NUMKEYS_TOO_SMALL, "ERR at least 1 input key is needed for 'zunion' command"],
    ['ZUNION 3 a', NUMKEYS_TOO_LARGE, 'ERR syntax error'],
    ['ZUNION 9223372036854775807 a', NUMKEYS_TOO_LARGE, 'ERR syntax error'],
    [
      'ZUNION 9223372036854775808 a',
      NUMKEYS_NOT_INTEGER,
      'ERR value is not an integer or out of range',
    ],
    [
      'ZUNION -9223372036854775808 a',
      NUMKEYS_TOO_SMALL,
      "ERR at least 1 input key is needed for 'zunion' command",
    ],
    ['ZUNION 01 a', NUMKEYS_NOT_INTEGER, 'ERR value is not an integer or out of range'],
    ['LMPOP x a LEFT', NUMKEYS_NOT_INTEGER, 'ERR numkeys should be greater than 0'],
    ['XREAD COUNT 1 a', KEYS_SYNTAX, 'ERR syntax error'],
    ['XREAD NONSENSE STREAMS a 0', KEYS_SYNTAX, 'ERR syntax error'],
  ])('%s is refused', (line, code, text) => {
    expect(keysOf(line)).toBe(code);
    expect(errorOf(line)).toBe(text);
  });

  test.each<[string, RegExp]>([
    ['SORT a BY w*', /^ERR BY option of SORT denied/],
    ['SORT_RO a LIMIT 0 1 GET #', /^ERR GET option of SORT denied/],
    ['COPY a b DB 1', /^ERR Copying to another database/],
    ['COPY a b DB 1 REPLACE', /^ERR Copying to another database/],
    ['COPY a b DB 16', /^ERR DB index is out of range/],
    ['COPY a b DB -1', /^ERR DB index is out of range/],
    ['XREAD STREAMS a 0 1', /^ERR Unbalanced 'xread' list/],
  ])('%s is refused for its option', (line, error) => {
    expect(keysOf(line)).toBeTypeOf('number');
    expect(errorOf(line)).toMatch(error);
  });

  test.each([
    'XREAD STREAMS BLOCK 0',
    'XREAD COUNT BLOCK STREAMS a 0',
    'XREADGROUP GROUP BLOCK BLOCK STREAMS a >',
    'SORT GET STORE BY',
    'SORT a STORE GET',
    'COPY DB b REPLACE',
    // The server finds these faults and copies nothing.
    'COPY a b DB 1 nonsense',
    'COPY a b DB 4294967296',
    'COPY a b DB',
  ])('%s: a word in the place of an argument is no option', (line) => {
    expect(keysOf(line)).toBeInstanceOf(Array);
  });

  test('grows with the request and no further', () => {
    const words = ['DEL', ...Array.from({ length: 1000 }, (_, i) => `k${i}`)];
    const { bytes, frame, id } = requestOf(words);
    const keys = new KeyPositions();
    expect(findKeys(id, bytes, frame, keys)).toBe(1000);
    expect([...keys.indexes.subarray(0, 1000)]).toEqual(words.slice(1).map((_, i) => i + 1));
    expect(keys.indexes.length).toBeLessThanOrEqual(2048);
    const small = request('GET a');
    expect(findKeys(small.id, small.bytes, small.frame, keys)).toBe(1);
    expect(keys.count).toBe(1);
  });

  test('any words give argument indexes or an error', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'STORE',
        'streams',
        'KEYS',
        'BY',
        'GET',
        'LIMIT',
        '0',
        '1',
        '2',
        '99',
        '-1',
        '',
      ),
      fc.string({ maxLength: 3 }).map((text) => text.replaceAll(' ', '_')),
    );
    const names = COMMAND_NAMES.map((name) => name.split('|'));
    const words = fc
      .tuple(fc.constantFrom(...names), fc.array(word, { maxLength: 8 }))
      .map(([name, rest]) => [...name, ...rest]);
    const keys = new KeyPositions();
    const result = fc.check(
      fc.property(words, (list) => {
        const { bytes, frame, id } = requestOf(list);
        const count = findKeys(id, bytes, frame, keys);
        if (count < 0) return keyErrorText(id, count).startsWith('ERR ');
        const found = keys.indexes.subarray(0, count);
        return count === keys.count && found.every((index) => index > 0 && index < frame.argc);
      }),
      { numRuns: 20_000 },
    );
    // Undefined when all runs passed; otherwise the counterexample and its seed.
    expect(fc.defaultReportMessage(result)).toBeUndefined();
  });
});

describe('singleKeyIndex', () => {
  test('agrees with findKeys and is for forwarded commands only', () => {
    for (const id of COMMAND_NAMES.keys()) {
      const index = singleKeyIndex(id);
      if (index <= 0) continue;
      expect(isForwarded(id)).toBe(true);
      for (let argc = 1; argc < 12; argc++) {
        if (!isArityOk(id, argc)) continue;
        const words = COMMAND_NAMES[id]!.split('|');
        while (words.length < argc) words.push('STORE');
        const { bytes, frame } = requestOf(words);
        const keys = new KeyPositions();
        expect(findKeys(id, bytes, frame, keys)).toBe(1);
        expect(keys.indexes[0]).toBe(index);
      }
    }
  });

  test('is 0 without keys and -1 where it depends', () => {
    expect(singleKeyIndex(COMMAND_ID.PING)).toBe(0);
    expect(singleKeyIndex(COMMAND_ID.GET)).toBe(1);
    expect(singleKeyIndex(COMMAND_ID.OBJECT_FREQ)).toBe(2);
    for (const id of [COMMAND_ID.DEL, COMMAND_ID.EVAL, COMMAND_ID.OBJECT, COMMAND_ID.SORT_RO]) {
      expect(singleKeyIndex(id)).toBe(-1);
    }
    // MOVE has one key, but must not be forwarded.
    expect(singleKeyIndex(COMMAND_ID.MOVE)).toBe(-1);
  });
});

describe('slotOfKeys', () => {
  function slotOf(line: string): number {
    const { bytes, frame, id } = request(line);
    const keys = new KeyPositions();
    locateKeys(id, bytes, frame, keys);
    return slotOfKeys(bytes, frame, keys);
  }

  test('is the slot that all keys share', () => {
    expect(slotOf('GET a')).toBe(keySlotOf('a'));
    expect(slotOf('MSET {a}1 x {a}2 y a z')).toBe(keySlotOf('a'));
    expect(slotOf('EVAL x 0 a')).toBe(SLOT_NONE);
    expect(slotOf('DEL {a}1 {a}2 b')).toBe(SLOTS_DIFFER);
    expect(slotOf('ZUNIONSTORE d 1 a')).toBe(SLOTS_DIFFER);
  });
});
