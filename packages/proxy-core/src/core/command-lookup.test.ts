import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CommandFrame,
  commandName,
  hasFlag,
  isAnswered,
  isDedicated,
  isFannedOut,
  isForwarded,
  lookupCommand,
  lookupSubcommand,
  refusalOf,
  resolveCommand,
  UNKNOWN_COMMAND,
  UNKNOWN_SUBCOMMAND,
} from './command-lookup.ts';
import {
  COMMAND_FLAG,
  COMMAND_ID,
  COMMAND_NAMES,
  COMMAND_PARENT,
} from './command-table.generated.ts';

const IDS = [...COMMAND_NAMES.keys()];
const TOP_LEVEL = IDS.filter((id) => COMMAND_PARENT[id] === -1);
const SUBCOMMANDS = IDS.filter((id) => COMMAND_PARENT[id] !== -1);
const IDS_BY_NAME = new Map(TOP_LEVEL.map((id) => [COMMAND_NAMES[id], id]));

function find(name: string | Buffer): number {
  const bytes = Buffer.concat([Buffer.from('$$'), Buffer.from(name), Buffer.from('\r\nget')]);
  return lookupCommand(bytes, 2, bytes.length - 5);
}

function expectedId(name: string): number {
  return IDS_BY_NAME.get(name.toLowerCase()) ?? UNKNOWN_COMMAND;
}

function frameOf(words: readonly string[]): { bytes: Buffer; frame: CommandFrame } {
  const bytes = Buffer.from(words.join(''));
  let offset = 0;
  const argEnd = Int32Array.from(words, (word) => (offset += word.length));
  const argStart = argEnd.map((end, i) => end - (words[i]?.length ?? 0));
  return { bytes, frame: { argc: words.length, argStart, argEnd } };
}

function resolve(...words: string[]): number {
  const { bytes, frame } = frameOf(words);
  return resolveCommand(bytes, frame);
}

describe('lookupCommand', () => {
  test('finds every command in any case', () => {
    for (const id of TOP_LEVEL) {
      const name = COMMAND_NAMES[id]!;
      const mixed = name.replaceAll(/[aeiou]/g, (char) => char.toUpperCase());
      expect([find(name), find(name.toUpperCase()), find(mixed)]).toEqual([id, id, id]);
      expect(commandName(id)).toBe(name);
    }
  });

  test('finds no near miss', () => {
    const wrong: string[] = [];
    for (const id of TOP_LEVEL) {
      const name = COMMAND_NAMES[id]!;
      const misses = [name.slice(1), name.slice(0, -1), `${name}s`, `x${name}`, `${name}\0`];
      for (let i = 0; i < name.length; i++) {
        // Bytes that differ from the right one in one bit, 0x20 among them.
        for (let bit = 0; bit < 8; bit++) {
          const bytes = Buffer.from(name);
          bytes[i]! ^= 1 << bit;
          misses.push(bytes.toString('latin1'));
        }
      }
      wrong.push(
        ...misses.filter((miss) => find(Buffer.from(miss, 'latin1')) !== expectedId(miss)),
      );
    }
    expect(wrong).toEqual([]);
  });

  test('finds no other bytes', () => {
    const letters = 'abcdefghijklmnopqrstuvwxyz_-|GETS\r@'.split('');
    const words = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc
        .string({ unit: fc.constantFrom(...letters), maxLength: 8 })
        .map((text) => Buffer.from(text)),
    );
    const result = fc.check(
      fc.property(words, (word) => {
        const bytes = Buffer.from(word);
        return find(bytes) === expectedId(bytes.toString('latin1'));
      }),
      { numRuns: 20_000 },
    );
    // Undefined when all runs passed; otherwise the counterexample and its seed.
    expect(fc.defaultReportMessage(result)).toBeUndefined();
  });

  test('takes no time for a name of a megabyte', () => {
    expect(find(Buffer.alloc(1024 * 1024, 'g'))).toBe(UNKNOWN_COMMAND);
    expect(find('')).toBe(UNKNOWN_COMMAND);
  });

  test('does not find subcommands as commands', () => {
    expect(find('encoding')).toBe(UNKNOWN_COMMAND);
    expect(find('object|encoding')).toBe(UNKNOWN_COMMAND);
  });
});

describe('lookupSubcommand and resolveCommand', () => {
  test('find every subcommand in its container only', () => {
    const ids = new Map(COMMAND_NAMES.map((name, id) => [name, id]));
    const wrong: string[] = [];
    for (const id of SUBCOMMANDS) {
      const [container = '', name = ''] = COMMAND_NAMES[id]!.split('|');
      expect(resolve(container, name)).toBe(id);
      expect(resolve(container.toUpperCase(), name.toUpperCase(), 'key')).toBe(id);
      const bytes = Buffer.from(name);
      for (const other of TOP_LEVEL) {
        const full = `${COMMAND_NAMES[other]}|${name}`;
        const expected = ids.get(full) ?? UNKNOWN_SUBCOMMAND;
        if (lookupSubcommand(other, bytes, 0, bytes.length) !== expected) wrong.push(full);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('tell unknown commands from unknown subcommands', () => {
    expect(resolve('nope', 'encoding')).toBe(UNKNOWN_COMMAND);
    expect(resolve('object', 'nope')).toBe(UNKNOWN_SUBCOMMAND);
    expect(resolve('object')).toBe(COMMAND_ID.OBJECT);
    expect(resolve('get', 'encoding')).toBe(COMMAND_ID.GET);
    expect(resolve()).toBe(UNKNOWN_COMMAND);
  });
});

describe('verdicts', () => {
  test('every command has one; only refused ones have a reason', () => {
    for (const id of IDS) {
      const isRefused = refusalOf(id) !== '';
      expect(
        [isForwarded(id), isDedicated(id), isFannedOut(id), isAnswered(id), isRefused].filter(
          Boolean,
        ),
      ).toHaveLength(1);
    }
  });

  test('are those that were agreed on', () => {
    const verdictOf = (...words: string[]): string => {
      const id = resolve(...words);
      if (isForwarded(id)) return 'forward';
      return isAnswered(id) ? 'answer' : 'refuse';
    };
    const namesWith = (verdict: string, names: string): string =>
      names
        .split(' ')
        .filter((name) => verdictOf(name) === verdict)
        .join(' ');
    const forwarded = 'get set del mget eval xread sort xgroup copy object';
    expect(namesWith('forward', forwarded)).toBe(forwarded);
    const answered =
      'ping echo select quit reset command info readonly readwrite auth hello client cluster config umctl asking subscribe publish acl time role monitor';
    expect(namesWith('answer', answered)).toBe(answered);
    const refused = 'scan keys dbsize flushall psync debug save shutdown';
    expect(namesWith('refuse', refused)).toBe(refused);
    expect(verdictOf('client', 'tracking')).toBe('answer');
    expect(verdictOf('memory', 'usage')).toBe('forward');
    expect(verdictOf('acl', 'setuser')).toBe('refuse');
  });

  test('nothing that holds a connection is forwarded', () => {
    const isStateful = (id: number): boolean =>
      hasFlag(id, COMMAND_FLAG.BLOCKING | COMMAND_FLAG.PUBSUB | COMMAND_FLAG.TRANSACTION);
    const forwarded = IDS.filter((id) => isForwarded(id) && isStateful(id));
    // With BLOCK they are told apart when their keys are found.
    expect(forwarded).toEqual([COMMAND_ID.XREAD, COMMAND_ID.XREADGROUP]);
    expect(IDS.filter((id) => isForwarded(id) && hasFlag(id, COMMAND_FLAG.ADMIN))).toEqual([]);
  });

  test('a refusal is a whole error with its reason', () => {
    expect(refusalOf(COMMAND_ID.MOVE)).toBe(
      "ERR 'move' is not available through this proxy: a cluster has one database only",
    );
    expect(refusalOf(COMMAND_ID.ACL_SETUSER)).toMatch(/^ERR 'acl setuser' is not available/);
  });
});
