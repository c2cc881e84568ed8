import type { SeededRandom } from '@undermoon/testkit';
import { plainReply } from './stock-client.ts';

/** The value of one cell of the workload: what its keys hold. Plain JSON, so that values can be compared. */
export type CellValue =
  | string
  | number
  | null
  | readonly (string | null)[]
  | { readonly [member: string]: string | number };

/** What an operation does to a value, and the reply that it then has. */
export interface Effect {
  readonly value: CellValue;
  readonly reply: unknown;
}

/** One command of the workload together with its meaning. */
export interface Operation {
  readonly words: readonly string[];
  readonly isWrite: boolean;
  /** How to compare replies: `set` in any order, `pairs` as member and value in any order. */
  readonly shape: 'exact' | 'set' | 'pairs';
  apply(value: CellValue): Effect;
}

/** The kinds of cells. */
export const CELL_KINDS = [
  'text',
  'log',
  'counter',
  'hash',
  'list',
  'set',
  'scores',
  'group',
] as const;
export type CellKind = (typeof CELL_KINDS)[number];

/** What choosing an operation may use. */
export interface Choice {
  readonly key: string;
  readonly random: SeededRandom;
  /** A value that was never used before. */
  readonly token: string;
}

/** The keys of a group cell: one hash tag, several keys. */
function groupKeys(key: string): readonly string[] {
  return [`${key}:a`, `${key}:b`, `${key}:c`];
}

/** A reply in the form that `Effect.reply` has: every leaf a string or null. */
export function comparable(reply: unknown, shape: Operation['shape']): string {
  const plain = plainReply(reply);
  if (!Array.isArray(plain) || shape === 'exact') return JSON.stringify(plain);
  const items: unknown[] = shape === 'pairs' ? pairsOf(plain) : plain;
  return JSON.stringify(items.map((item) => JSON.stringify(item)).toSorted());
}

/** Members and values: RESP2 has them in turns, RESP3 in pairs or as a map. */
function pairsOf(items: readonly unknown[]): unknown[] {
  if (items.every(Array.isArray)) return [...items];
  return items.flatMap((item, index) => (index % 2 === 0 ? [[item, items[index + 1]]] : []));
}

function operation(
  words: readonly string[],
  apply: Operation['apply'],
  rest: { readonly isWrite?: boolean; readonly shape?: Operation['shape'] } = {},
): Operation {
  return { words, apply, isWrite: rest.isWrite ?? true, shape: rest.shape ?? 'exact' };
}

const READ = { isWrite: false } as const;

/** Chooses a command for a cell. */
export function chooseOperation(kind: CellKind, choice: Choice): Operation {
  return choice.random.pick(OPERATIONS[kind])(choice);
}

/** The command that reads the whole cell. */
export function readOperation(kind: CellKind, key: string): Operation {
  switch (kind) {
    case 'text':
    case 'log':
    case 'counter':
      return operation(['GET', key], (value) => ({ value, reply: textOrNull(value) }), READ);
    case 'hash':
      return operation(['HGETALL', key], (value) => ({ value, reply: entriesOf(value) }), {
        ...READ,
        shape: 'pairs',
      });
    case 'list':
      return operation(
        ['LRANGE', key, '0', '-1'],
        (value) => ({ value, reply: itemsOf(value) }),
        READ,
      );
    case 'set':
      return operation(['SMEMBERS', key], (value) => ({ value, reply: itemsOf(value) }), {
        ...READ,
        shape: 'set',
      });
    case 'scores':
      return operation(
        ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
        (value) => ({ value, reply: entriesOf(value) }),
        { ...READ, shape: 'pairs' },
      );
    case 'group':
      return operation(
        ['MGET', ...groupKeys(key)],
        (value) => ({ value, reply: itemsOf(value) }),
        READ,
      );
  }
}

/** The value of a cell, from the reply to its `readOperation`. */
export function valueOf(kind: CellKind, reply: unknown): CellValue {
  const plain = plainReply(reply);
  switch (kind) {
    case 'text':
    case 'log':
      return plain as string | null;
    case 'counter':
      return plain === null ? null : Number(plain);
    case 'list':
    case 'group':
      return plain as readonly (string | null)[];
    case 'set':
      return (plain as string[]).toSorted(byText);
    case 'hash':
      return Object.fromEntries(pairsOf(plain as unknown[]) as [string, string][]);
    case 'scores':
      return Object.fromEntries(
        (pairsOf(plain as unknown[]) as [string, string][]).map(([member, score]) => [
          member,
          Number(score),
        ]),
      );
  }
}

/** The value of keys that were never written. */
export function emptyValue(kind: CellKind): CellValue {
  switch (kind) {
    case 'text':
    case 'log':
    case 'counter':
      return null;
    case 'hash':
    case 'scores':
      return {};
    case 'list':
    case 'set':
      return [];
    case 'group':
      return [null, null, null];
  }
}

type Choose = (choice: Choice) => Operation;

const LIST_LENGTH = 12;
const ADD_SCRIPT = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
const SWAP_SCRIPT =
  "local old = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[2], ARGV[1]) return old";

const OPERATIONS: Readonly<Record<CellKind, readonly Choose[]>> = {
  text: [
    ({ key, token }) => operation(['SET', key, token], () => ({ value: token, reply: 'OK' })),
    ({ key, token }) =>
      operation(['GETSET', key, token], (value) => ({ value: token, reply: textOrNull(value) })),
    ({ key }) => readOperation('text', key),
    ({ key }) =>
      operation(['EXPIRE', key, '86400'], (value) => ({
        value,
        reply: value === null ? '0' : '1',
      })),
    ({ key }) =>
      operation(['STRLEN', key], (value) => ({ value, reply: `${textOf(value).length}` }), READ),
  ],
  log: [
    ({ key, token }) =>
      operation(['APPEND', key, `${token};`], (value) => {
        const text = `${textOf(value)}${token};`;
        return { value: text, reply: `${text.length}` };
      }),
    ({ key, token }) =>
      operation(['SET', key, `${token};`, 'EX', '86400'], () => ({
        value: `${token};`,
        reply: 'OK',
      })),
    ({ key }) => readOperation('log', key),
    ({ key }) =>
      operation(['DEL', key], (value) => ({ value: null, reply: value === null ? '0' : '1' })),
  ],
  counter: [
    ({ key }) => adding(['INCR', key], 1),
    ({ key, random }) => {
      const by = 1 + random.int(100);
      return adding(['INCRBY', key, `${by}`], by);
    },
    ({ key, random }) => {
      const by = 1 + random.int(10);
      return adding(['EVAL', ADD_SCRIPT, '1', key, `${by}`], by);
    },
    ({ key }) => readOperation('counter', key),
  ],
  hash: [
    ({ key, token, random }) => {
      const field = `f${random.int(5)}`;
      return operation(['HSET', key, field, token], (value) => {
        const hash = membersOf(value);
        return { value: { ...hash, [field]: token }, reply: field in hash ? '0' : '1' };
      });
    },
    ({ key, random }) => {
      const field = `f${random.int(5)}`;
      return operation(['HDEL', key, field], (value) => removeMember(value, field));
    },
    ({ key }) => readOperation('hash', key),
    ({ key }) =>
      operation(
        ['HLEN', key],
        (value) => ({ value, reply: `${Object.keys(membersOf(value)).length}` }),
        READ,
      ),
  ],
  list: [
    ({ key, token }) => pushing(['LPUSH', key, token], (list) => [token, ...list]),
    ({ key, token }) => pushing(['RPUSH', key, token], (list) => [...list, token]),
    ({ key }) =>
      operation(['LPOP', key], (value) => {
        const [first = null, ...rest] = itemsOf(value);
        return { value: rest, reply: first };
      }),
    ({ key }) =>
      operation(['LTRIM', key, '0', `${LIST_LENGTH - 1}`], (value) => ({
        value: itemsOf(value).slice(0, LIST_LENGTH),
        reply: 'OK',
      })),
    ({ key }) => readOperation('list', key),
  ],
  set: [
    ({ key, random }) => {
      const member = `m${random.int(20)}`;
      return operation(['SADD', key, member], (value) => {
        const items = itemsOf(value);
        return items.includes(member)
          ? { value, reply: '0' }
          : { value: [...items, member].toSorted(byText), reply: '1' };
      });
    },
    ({ key, random }) => {
      const member = `m${random.int(20)}`;
      return operation(['SREM', key, member], (value) => {
        const items = itemsOf(value);
        const rest = items.filter((item) => item !== member);
        return { value: rest, reply: `${items.length - rest.length}` };
      });
    },
    ({ key }) => readOperation('set', key),
  ],
  scores: [
    ({ key, random }) => {
      const member = `m${random.int(10)}`;
      const score = random.int(1000);
      return operation(['ZADD', key, `${score}`, member], (value) => {
        const scores = membersOf(value);
        return { value: { ...scores, [member]: score }, reply: member in scores ? '0' : '1' };
      });
    },
    ({ key, random }) => {
      const member = `m${random.int(10)}`;
      return operation(
        ['ZSCORE', key, member],
        (value) => {
          const score = membersOf(value)[member];
          return { value, reply: score === undefined ? null : `${score}` };
        },
        READ,
      );
    },
    ({ key }) => readOperation('scores', key),
  ],
  group: [
    ({ key, token }) =>
      operation(
        ['MSET', ...groupKeys(key).flatMap((name, index) => [name, `${token}.${index}`])],
        () => ({
          value: [`${token}.0`, `${token}.1`, `${token}.2`],
          reply: 'OK',
        }),
      ),
    ({ key }) => readOperation('group', key),
    ({ key, token }) => {
      const [first = '', second = ''] = groupKeys(key);
      return operation(['EVAL', SWAP_SCRIPT, '2', first, second, token], (value) => {
        const [a = null, , c = null] = itemsOf(value);
        return { value: [a, token, c], reply: a };
      });
    },
    ({ key }) =>
      operation(['DEL', ...groupKeys(key)], (value) => ({
        value: [null, null, null],
        reply: `${itemsOf(value).filter((item) => item !== null).length}`,
      })),
  ],
};

function adding(words: readonly string[], by: number): Operation {
  return operation(words, (value) => {
    const sum = (typeof value === 'number' ? value : 0) + by;
    return { value: sum, reply: `${sum}` };
  });
}

function pushing(
  words: readonly string[],
  push: (list: readonly (string | null)[]) => readonly (string | null)[],
): Operation {
  return operation(words, (value) => {
    const list = push(itemsOf(value));
    return { value: list, reply: `${list.length}` };
  });
}

function removeMember(value: CellValue, member: string): Effect {
  const { [member]: removed, ...rest } = membersOf(value);
  return { value: rest, reply: removed === undefined ? '0' : '1' };
}

function textOf(value: CellValue): string {
  return typeof value === 'string' ? value : '';
}

function textOrNull(value: CellValue): string | null {
  return typeof value === 'number' ? `${value}` : value === null ? null : textOf(value);
}

function byText(left: string | null, right: string | null): number {
  return (left ?? '') < (right ?? '') ? -1 : 1;
}

function itemsOf(value: CellValue): readonly (string | null)[] {
  return Array.isArray(value) ? (value as readonly (string | null)[]) : [];
}

function membersOf(value: CellValue): { readonly [member: string]: string | number } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [member: string]: string | number })
    : {};
}

function entriesOf(value: CellValue): readonly (readonly [string, string])[] {
  return Object.entries(membersOf(value)).map(([member, item]) => [member, String(item)]);
}
