import type { SeededRandom } from '@undermoon/testkit';
import { FUNCTIONS, LIBRARY, OTHER_LIBRARY, SCRIPTS, sha1Of } from './scripts.ts';

/** What random words depend on besides chance. */
export interface WordContext {
  readonly random: SeededRandom;
  /** Hash tag of the keys of the command that is being built; some keys take another one. */
  readonly tag: string;
  readonly others: OtherTags;
  /** Rises with every use, so that stream entries are mostly in order. */
  readonly nextEntry: () => number;
}

/** Tags that keys take now and then. */
export interface OtherTags {
  readonly chance: number;
  /** Empty: all keys have one tag. */
  readonly tags: readonly string[];
}

type WordMaker = (context: WordContext) => string | Buffer;

/** Far enough away for no test to reach it. */
const FAR_SECONDS = [4_102_444_800, 4_102_444_801, 9_999_999_999] as const;
const PAST_SECONDS = ['1', '1000000000'] as const;
// A binary and an odd tag, and none: keys without a tag are in a slot each.
const TAGS = ['{a}', '{b}', '{c\u0000}', ''] as const;
const KEY_TYPES = ['s', 'n', 'l', 'h', 't', 'z', 'x', 'g', 'p'] as const;
// With two shards, each of which has half of the slots: these are in different slots of one of them.
const SHARD_TAGS = [
  ['{a}', '{d}'],
  ['{b}', '{c\u0000}', '{f}'],
] as const;
const OTHER_TYPE = 0.06;

/** Any tag: some commands have keys of different slots. */
export const ANY_TAG: OtherTags = { chance: 0.06, tags: TAGS };
/** All keys have the command's tag. */
export const ONE_TAG: OtherTags = { chance: 0.06, tags: [] };

/** Other tags of a shard: see `pickShard`. */
export function othersOf(tags: readonly string[]): OtherTags {
  return { chance: 0.3, tags };
}

/** Tags of one shard of two. */
export function pickShard(random: SeededRandom): readonly string[] {
  return random.pick(SHARD_TAGS);
}

/** The tag for the keys of one command. */
export function pickTag(random: SeededRandom): string {
  return random.chance(0.9) ? random.pick(TAGS.slice(0, 2)) : random.pick(TAGS);
}

/** The same where all keys must have one. */
export function pickOnlyTag(random: SeededRandom): string {
  return random.pick(SHARD_TAGS.flat());
}

function key(type: string): WordMaker {
  return ({ random, tag, others }) => {
    const kind = random.chance(OTHER_TYPE) ? random.pick(KEY_TYPES) : type;
    const isOther = random.chance(others.chance) && others.tags.length > 0;
    const name = `${isOther ? random.pick(others.tags) : tag}${kind}${random.int(4)}`;
    // Without a tag it is in a slot of its own.
    if (others === ANY_TAG && random.chance(0.01)) return '';
    return random.chance(0.02)
      ? Buffer.concat([Buffer.from(name), Buffer.from([0, 255, 13, 10])])
      : name;
  };
}

function oneOf(...list: readonly string[]): WordMaker {
  return ({ random }) => random.pick(list);
}

function within(low: number, high: number): WordMaker {
  return ({ random }) => String(low + random.int(high - low + 1));
}

/** Mostly from the first, now and then from the second. */
function mostly(usual: WordMaker, rare: WordMaker, probability = 0.08): WordMaker {
  return (context) => (context.random.chance(probability) ? rare(context) : usual(context));
}

function bytes(random: SeededRandom, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.int(256)));
}

const ODD_NUMBERS = oneOf(
  'x',
  '',
  ' 1',
  '1 ',
  '01',
  '+1',
  '1.0',
  '-0',
  '0x10',
  '1e3',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '4294967296',
  '99999999999999999999',
);
const ODD_FLOATS = oneOf(
  'nan',
  'inf',
  '-inf',
  '+inf',
  '1e400',
  '1e-400',
  'x',
  '',
  ' 1',
  '0x1p3',
  '1e17',
  '3.0',
  '0.1',
  '-0.0',
  '123456789012345678',
  '1.7976931348623157e308',
  // Less would leave ERANGE in the errno of the server, and a SORT behind it would take that for a fault of its own.
  '2.3e-308',
);
const MEMBER = mostly(
  ({ random }) => `m${random.int(12)}`,
  ({ random }) => random.pick([String(random.int(30)), '', 'Straße', bytes(random, 4), 'm\r\n$1']),
  0.2,
);
const VALUE: WordMaker = ({ random }) => {
  const choice = random.int(8);
  if (choice < 2) return String(random.int(2000) - 1000);
  if (choice === 2) return (random.int(10_000) / 64).toString();
  if (choice === 3) return bytes(random, random.int(40));
  if (choice === 4) return 'x'.repeat(random.int(300));
  if (choice === 5) return random.pick(['', 'ohmytext', 'mynewtext', 'OK', '*1\r\n$4\r\nPING\r\n']);
  return `value:${random.int(50)}`;
};
const LARGE: WordMaker = ({ random }) => {
  const length = random.chance(0.7) ? random.int(6000) : random.int(200_000);
  return Buffer.alloc(length, `large ${random.int(1000)}\r\n`);
};
const INDEX = mostly(within(-4, 8), ODD_NUMBERS);
const SCORE = mostly(
  ({ random }) => String((random.int(200) - 100) / random.pick([1, 1, 4, 3])),
  ODD_FLOATS,
);

/** The words that the grammar writes in angle brackets. */
const MAKERS: ReadonlyMap<string, WordMaker> = new Map<string, WordMaker>([
  ...KEY_TYPES.map((type): [string, WordMaker] => [type, key(type)]),
  ['b', ({ random, tag }) => `${tag}b${random.int(2)}`],
  ['k', ({ random, tag }) => `${tag}${random.pick(KEY_TYPES)}${random.int(4)}`],
  // Of members with the same score only: by name the others have no order.
  ['y', ({ random, tag }) => `${tag}y${random.int(2)}`],
  ['single', ({ tag }) => `${tag}single`],
  ['v', VALUE],
  ['large', LARGE],
  ['num', mostly(within(-50, 50), ODD_NUMBERS)],
  ['i', INDEX],
  ['u', mostly(within(0, 6), ODD_NUMBERS)],
  ['cnt', mostly(within(1, 6), ODD_NUMBERS)],
  ['f', mostly(({ random }) => String((random.int(400) - 200) / 16), ODD_FLOATS)],
  ['bit', mostly(oneOf('0', '1'), oneOf('2', '-1', 'x'))],
  [
    'bits',
    mostly(oneOf('u8', 'i8', 'u16', 'i64', 'u1', 'i5', 'u63'), oneOf('u64', 'x8', 'i65', 'u0')),
  ],
  ['off', mostly(within(0, 300), oneOf('-1', 'x', '#2', '4294967296', '99999999999999'))],
  ['fld', mostly(({ random }) => `f${random.int(10)}`, MEMBER)],
  ['m', MEMBER],
  ['score', SCORE],
  [
    'bound',
    mostly(
      ({ random }) => `${random.pick(['', '', '('])}${random.int(80) - 40}`,
      oneOf('-inf', '+inf', '(x', ''),
      0.3,
    ),
  ],
  [
    'lex',
    mostly(
      ({ random }) => `${random.pick(['[', '('])}m${random.int(12)}`,
      oneOf('-', '+', 'x', '', '['),
      0.4,
    ),
  ],
  ['pat', oneOf('*', 'm*', 'f?', '[a-m]*', 'm1', 'nothing*', '\\*', '[^m]*')],
  ['cur', mostly(oneOf('0'), oneOf('x', '', '99999999999999999999'))],
  [
    'lon',
    mostly(({ random }) => String((random.int(3600) - 1800) / 10), oneOf('181', 'x', '-180.1')),
  ],
  ['lat', mostly(({ random }) => String((random.int(1700) - 850) / 10), oneOf('86', 'x', '-90'))],
  ['rad', mostly(oneOf('1', '500', '4000', '12000.5'), oneOf('0', '-1', 'x'))],
  ['unit', mostly(oneOf('m', 'km', 'ft', 'mi'), oneOf('cm', ''))],
  [
    'id',
    mostly(
      ({ random }) => `${random.int(40)}-${random.int(3)}`,
      oneOf('0', '0-0', '5', 'x', '-', '1-x', '18446744073709551615-18446744073709551615'),
    ),
  ],
  ['newid', ({ random, nextEntry }) => `${nextEntry()}-${random.pick(['*', '0', '1'])}`],
  ['grp', oneOf('group1', 'group2', 'group3')],
  ['con', oneOf('alice', 'bob', 'carol')],
  [
    'far',
    ({ random }) =>
      random.chance(0.85) ? String(random.pick(FAR_SECONDS)) : random.pick(PAST_SECONDS),
  ],
  [
    'farms',
    ({ random }) =>
      `${random.chance(0.85) ? random.pick(FAR_SECONDS) : random.pick(PAST_SECONDS)}000`,
  ],
  [
    'ttl',
    mostly(
      oneOf('100000', '200000', '300000'),
      oneOf('0', '-1', 'x', '', '9223372036854775807'),
      0.25,
    ),
  ],
  [
    'ttlms',
    mostly(oneOf('100000000', '200000000'), oneOf('0', '-1', 'x', '', '9223372036854775807'), 0.25),
  ],
  ['dump', ({ random }) => Buffer.from(random.pick(DUMPS), 'hex')],
  ['functiondump', ({ random }) => Buffer.from(random.pick(FUNCTION_DUMPS), 'hex')],
  ['lua', ({ random }) => random.pick(SCRIPTS)],
  ['sha', ({ random }) => random.pick([...SCRIPTS.map(sha1Of), sha1Of('other'), 'short'])],
  ['library', oneOf(LIBRARY, OTHER_LIBRARY, 'no library', '#!lua name=broken\n(', '#!js name=x\n')],
  ['function', oneOf(...FUNCTIONS, 'no_such_function')],
  ['wait', mostly(oneOf('0.01', '0.02'), oneOf('x', '-1', '', '1e400', 'nan'))],
  ['word', mostly(({ random }) => `word-${random.int(9)}`, oneOf('two words', '', 'line\nbreak'))],
  [
    'name',
    oneOf(
      'get',
      'GET',
      'nope',
      'xgroup|nope',
      'lmove',
      'zadd',
      'object|encoding',
      'mset',
      'eval|x',
    ),
  ],
  [
    'badcount',
    ({ random, others }) => {
      // One key too many is the next word, which may be one of another shard: no transaction takes it.
      const isOfShard = others !== ANY_TAG && others !== ONE_TAG;
      return random.pick(isOfShard ? ['0', '-1', 'x'] : ['0', '-1', 'x', '3']);
    },
  ],
  ['hellover', mostly(oneOf('2', '3'), oneOf('1', '4', 'x', '', '-2', '99999999999999'))],
  [
    'dbindex',
    mostly(
      oneOf('0'),
      oneOf('1', '15', '16', '-1', 'x', '', '99999999999', '2147483648', '00', '+0'),
      0.6,
    ),
  ],
]);

/** A random word of the given name. Throws a SyntaxError for a name that the grammar made up. */
export function makeWord(name: string, context: WordContext): Buffer {
  const maker = MAKERS.get(name);
  if (maker === undefined) throw new SyntaxError(`grammar: there is no <${name}>`);
  const word = maker(context);
  return typeof word === 'string' ? Buffer.from(word) : word;
}

/** What a damaged command gets in place of an argument. */
export function makeOddWord(context: WordContext): Buffer {
  const { random } = context;
  return makeWord(random.pick(['v', 'i', 'k', 'm', 'num', 'f', 'id', 'bound', 'word']), context);
}

// What FUNCTION DUMP of Redis 7.0 gives for a library with one function, and one damaged.
const FUNCTION_DUMPS = [
  'f5c3405d40671323216c7561206e616d653d726573746f7265640a20031a69732e72656769737465725f66756e6374696f6e28276469666674' +
    '2025005fc02a02272c20e0001d136b6579732c2061726773292072657475726e202340130420656e64290a005187347c433420d6',
  'f5c3405d40671323216c7561206e616d653d726573746f7265640a005187347c433420d6',
] as const;

// What DUMP of Redis 7.0 gives for a string, a list, a hash, a sorted set and a set, and one damaged.
const DUMPS = [
  '000568656c6c6f0a006372df766534200a',
  '1201020f0f00000003008161028162020301ff0a00dca1e67d50055048',
  '10121200000004008166028176028167020201ff0a0001a64e4fc1d4e543',
  '111111000000040081610201018162020201ff0a00ba07f224a9d28f55',
  '0b0e02000000030000000100020003000a00a5025ce26d6e4d1b',
  '000568656c6c6e0a006372df766534200a',
] as const;
