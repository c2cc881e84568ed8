import type { RespPairs, RespValue } from '../src/resp-value.ts';

/*
 * The table that every reader is run over: whole, cut at every byte and at random cuts.
 */

export interface ReplyCase {
  readonly name: string;
  readonly bytes: Buffer;
  readonly value: RespValue;
}

const simple = (value: string): RespValue => ({ type: 'simple', value });
const bulk = (value: string): RespValue => ({ type: 'bulk', value: Buffer.from(value) });
const integer = (value: number | bigint): RespValue => ({ type: 'integer', value });
const double = (value: number): RespValue => ({ type: 'double', value });
const error = (value: string): RespValue => ({ type: 'error', value });
const array = (...items: RespValue[]): RespValue => ({ type: 'array', items });
const map = (...entries: [RespValue, RespValue][]): RespValue => ({ type: 'map', entries });
const none: RespValue = { type: 'null' };
const withAttributes = (value: RespValue, attributes: RespPairs): RespValue => ({
  ...value,
  attributes,
});

function reply(name: string, text: string, value: RespValue): ReplyCase {
  return { name, bytes: Buffer.from(text, 'latin1'), value };
}

function nested(depth: number): RespValue {
  let value: RespValue = integer(1);
  for (let i = 0; i < depth; i++) value = array(value);
  return value;
}

const longText = 'l'.repeat(300);

export const REPLY_CASES: readonly ReplyCase[] = [
  reply('simple', '+OK\r\n', simple('OK')),
  reply('empty simple', '+\r\n', simple('')),
  reply('simple with control and type bytes', '+a\t$1 *2\x00\x0b\r\n', simple('a\t$1 *2\x00\x0b')),
  reply('long simple', `+${longText}\r\n`, simple(longText)),
  reply('simple in UTF-8', '+\xc3\xa9\r\n', simple('é')),
  reply('error', '-MOVED 3999 127.0.0.1:6381\r\n', error('MOVED 3999 127.0.0.1:6381')),
  reply('empty error', '-\r\n', error('')),
  reply('integer', ':12345\r\n', integer(12345)),
  reply('integer 0', ':0\r\n', integer(0)),
  reply('integer with minus', ':-7\r\n', integer(-7)),
  reply('integer with plus', ':+7\r\n', integer(7)),
  reply('minus zero', ':-0\r\n', integer(0)),
  reply('largest exact integer', ':9007199254740991\r\n', integer(9007199254740991)),
  reply('integer beyond 2^53', ':9007199254740993\r\n', integer(9007199254740993n)),
  reply('least 64-bit integer', ':-9223372036854775808\r\n', integer(-9223372036854775808n)),
  reply('largest unsigned integer', ':18446744073709551615\r\n', integer(18446744073709551615n)),
  reply('bulk', '$5\r\nhello\r\n', bulk('hello')),
  reply('empty bulk', '$0\r\n\r\n', bulk('')),
  reply('bulk of line ends', '$6\r\n\r\n\r\n\r\n\r\n', bulk('\r\n\r\n\r\n')),
  reply('bulk of two-digit length', `$64\r\n${'x'.repeat(64)}\r\n`, bulk('x'.repeat(64))),
  reply('bulk of three-digit length', `$320\r\n${'x'.repeat(320)}\r\n`, bulk('x'.repeat(320))),
  reply('null bulk', '$-1\r\n', none),
  reply('null array', '*-1\r\n', none),
  reply('null', '_\r\n', none),
  reply('empty array', '*0\r\n', array()),
  reply('array', '*2\r\n$3\r\nGET\r\n:1\r\n', array(bulk('GET'), integer(1))),
  reply('array of nulls', '*3\r\n$-1\r\n*-1\r\n_\r\n', array(none, none, none)),
  reply(
    'array in array',
    '*2\r\n*2\r\n:1\r\n*0\r\n+x\r\n',
    array(array(integer(1), array()), simple('x')),
  ),
  reply(
    'array of 100',
    `*100\r\n${':5\r\n'.repeat(100)}`,
    array(...Array<RespValue>(100).fill(integer(5))),
  ),
  reply('nested 100 deep', `${'*1\r\n'.repeat(100)}:1\r\n`, nested(100)),
  reply('double', ',3.25\r\n', double(3.25)),
  reply('whole double', ',10\r\n', double(10)),
  reply('double with exponent', ',-1.5e-10\r\n', double(-1.5e-10)),
  reply('double with plus in exponent', ',1E+20\r\n', double(1e20)),
  reply('minus zero double', ',-0\r\n', double(-0)),
  reply('inf', ',inf\r\n', double(Infinity)),
  reply('plus inf', ',+inf\r\n', double(Infinity)),
  reply('minus inf', ',-inf\r\n', double(-Infinity)),
  reply('nan', ',nan\r\n', double(NaN)),
  reply('minus nan', ',-nan\r\n', double(NaN)),
  reply('true', '#t\r\n', { type: 'boolean', value: true }),
  reply('false', '#f\r\n', { type: 'boolean', value: false }),
  reply('big number', '(3492890328409238509324850943850943825024385\r\n', {
    type: 'bignumber',
    value: 3492890328409238509324850943850943825024385n,
  }),
  reply('negative big number', '(-42\r\n', { type: 'bignumber', value: -42n }),
  reply('bulk error', '!10\r\nERR a\r\nbc!\r\n', error('ERR a\r\nbc!')),
  reply('verbatim', '=8\r\ntxt:some\r\n', {
    type: 'verbatim',
    format: 'txt',
    value: Buffer.from('some'),
  }),
  reply('empty verbatim', '=4\r\nmkd:\r\n', {
    type: 'verbatim',
    format: 'mkd',
    value: Buffer.alloc(0),
  }),
  reply('map', '%2\r\n+a\r\n:1\r\n$1\r\nb\r\n%0\r\n', {
    type: 'map',
    entries: [
      [simple('a'), integer(1)],
      [bulk('b'), { type: 'map', entries: [] }],
    ],
  }),
  reply('map with an aggregate as key', '%1\r\n*1\r\n:1\r\n_\r\n', map([array(integer(1)), none])),
  reply('empty map', '%0\r\n', map()),
  reply('set', '~2\r\n+a\r\n+b\r\n', { type: 'set', items: [simple('a'), simple('b')] }),
  reply('push', '>2\r\n+message\r\n$1\r\nx\r\n', {
    type: 'push',
    items: [simple('message'), bulk('x')],
  }),
  reply('empty push', '>0\r\n', { type: 'push', items: [] }),
  reply(
    'attribute before a value',
    '|1\r\n+ttl\r\n:60\r\n$1\r\nv\r\n',
    withAttributes(bulk('v'), [[simple('ttl'), integer(60)]]),
  ),
  reply('empty attribute', '|0\r\n:1\r\n', integer(1)),
  reply(
    'two attributes before a value',
    '|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n:3\r\n',
    withAttributes(integer(3), [
      [simple('a'), integer(1)],
      [simple('b'), integer(2)],
    ]),
  ),
  reply(
    'attribute before an aggregate, and in it',
    '|1\r\n+k\r\n*1\r\n:9\r\n*2\r\n|1\r\n+p\r\n_\r\n:1\r\n:2\r\n',
    withAttributes(array(withAttributes(integer(1), [[simple('p'), none]]), integer(2)), [
      [simple('k'), array(integer(9))],
    ]),
  ),
  reply(
    'attribute in an attribute',
    '|1\r\n|1\r\n+a\r\n:1\r\n+key\r\n+value\r\n#t\r\n',
    withAttributes({ type: 'boolean', value: true }, [
      [withAttributes(simple('key'), [[simple('a'), integer(1)]]), simple('value')],
    ]),
  ),
  reply(
    'attribute before nulls and empty aggregates',
    '*3\r\n|1\r\n+a\r\n:1\r\n$-1\r\n|1\r\n+a\r\n:1\r\n*0\r\n|1\r\n+a\r\n:1\r\n*-1\r\n',
    array(
      withAttributes(none, [[simple('a'), integer(1)]]),
      withAttributes(array(), [[simple('a'), integer(1)]]),
      withAttributes(none, [[simple('a'), integer(1)]]),
    ),
  ),
  reply(
    'every type in one array',
    '*12\r\n+a\r\n-b\r\n:1\r\n$1\r\nc\r\n*1\r\n_\r\n_\r\n,1.5\r\n#f\r\n!1\r\nd\r\n=5\r\ntxt:e\r\n(7\r\n%1\r\n~1\r\n:1\r\n>0\r\n',
    array(
      simple('a'),
      error('b'),
      integer(1),
      bulk('c'),
      array(none),
      none,
      double(1.5),
      { type: 'boolean', value: false },
      error('d'),
      { type: 'verbatim', format: 'txt', value: Buffer.from('e') },
      { type: 'bignumber', value: 7n },
      map([
        { type: 'set', items: [integer(1)] },
        { type: 'push', items: [] },
      ]),
    ),
  ),
];

/** Never the beginning of a reply, and the code under which the decoder refuses it. */
export const MALFORMED_REPLIES: readonly (readonly [text: string, code: string])[] = [
  ['hello\r\n', 'UNKNOWN_TYPE'],
  ['\r\n', 'UNKNOWN_TYPE'],
  [';4\r\nabcd\r\n', 'UNKNOWN_TYPE'],
  ['.\r\n', 'UNKNOWN_TYPE'],
  ['\x00', 'UNKNOWN_TYPE'],
  ['+a\rb\r\n', 'INVALID_LINE'],
  ['+a\nb\r\n', 'INVALID_LINE'],
  ['-ERR\n', 'INVALID_LINE'],
  ['+\n', 'INVALID_LINE'],
  [':\r\n', 'INVALID_NUMBER'],
  [':-\r\n', 'INVALID_NUMBER'],
  [':12a\r\n', 'INVALID_NUMBER'],
  [':1 \r\n', 'INVALID_NUMBER'],
  [':1\n', 'INVALID_NUMBER'],
  [':1\rx', 'INVALID_NUMBER'],
  [':1234567890123456789012\r\n', 'INVALID_NUMBER'],
  [',\r\n', 'INVALID_NUMBER'],
  [',1.\r\n', 'INVALID_NUMBER'],
  [',.5\r\n', 'INVALID_NUMBER'],
  [',1e\r\n', 'INVALID_NUMBER'],
  [',infinity\r\n', 'INVALID_NUMBER'],
  [',+nan\r\n', 'INVALID_NUMBER'],
  [',0x10\r\n', 'INVALID_NUMBER'],
  ['(1.5\r\n', 'INVALID_NUMBER'],
  ['(\r\n', 'INVALID_NUMBER'],
  ['#\r\n', 'INVALID_NUMBER'],
  ['#x\r\n', 'INVALID_NUMBER'],
  ['#tt\r\n', 'INVALID_NUMBER'],
  ['_x\r\n', 'INVALID_NUMBER'],
  ['$\r\n', 'INVALID_LENGTH'],
  ['$-2\r\n', 'INVALID_LENGTH'],
  ['$-1x', 'INVALID_LENGTH'],
  ['$-10\r\n', 'INVALID_LENGTH'],
  ['$+1\r\na\r\n', 'INVALID_LENGTH'],
  ['$01\r\na\r\n', 'INVALID_LENGTH'],
  ['$1a\r\n', 'INVALID_LENGTH'],
  ['$1\ra', 'INVALID_LENGTH'],
  ['$99999999999\r\n', 'INVALID_LENGTH'],
  ['$18446744073709551617\r\n', 'INVALID_LENGTH'],
  ['$?\r\n;1\r\na\r\n;0\r\n', 'INVALID_LENGTH'],
  ['*?\r\n:1\r\n.\r\n', 'INVALID_LENGTH'],
  ['*-2\r\n', 'INVALID_LENGTH'],
  ['*1x\r\n', 'INVALID_LENGTH'],
  ['%-1\r\n', 'INVALID_LENGTH'],
  ['~-1\r\n', 'INVALID_LENGTH'],
  ['>-1\r\n', 'INVALID_LENGTH'],
  ['|-1\r\n', 'INVALID_LENGTH'],
  ['!-1\r\n', 'INVALID_LENGTH'],
  ['=-1\r\n', 'INVALID_LENGTH'],
  ['$1\r\nabc', 'INVALID_BULK'],
  ['$1\r\na\rb', 'INVALID_BULK'],
  ['$0\r\na\r\n', 'INVALID_BULK'],
  ['=3\r\ntxt\r\n', 'INVALID_BULK'],
  ['=8\r\ntext:abc\r\n', 'INVALID_BULK'],
];

export interface RequestCase {
  readonly name: string;
  readonly bytes: Buffer;
  readonly words: readonly string[];
  /** Inline commands have their words from `splitInline`. */
  readonly isInline: boolean;
}

function request(text: string, words: readonly string[], isInline = false): RequestCase {
  const name = JSON.stringify(text.length > 50 ? `${text.slice(0, 50)}…` : text);
  return { name, bytes: Buffer.from(text, 'latin1'), words, isInline };
}

const manyWords = Array.from({ length: 150 }, (_, i) => 'w'.repeat(i % 13));

export const REQUEST_CASES: readonly RequestCase[] = [
  request('*1\r\n$4\r\nPING\r\n', ['PING']),
  request('*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n', ['GET', 'key']),
  request('*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n', ['SET', '', '\r\n\r\n']),
  request(`*2\r\n$4\r\nECHO\r\n$1500\r\n${'e'.repeat(1500)}\r\n`, ['ECHO', 'e'.repeat(1500)]),
  request('*1\r\n$0\r\n\r\n', ['']),
  request('*10\r\n'.concat('$1\r\na\r\n'.repeat(10)), Array<string>(10).fill('a')),
  request(
    `*150\r\n${manyWords.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`,
    manyWords,
  ),
  request('*0\r\n', []),
  request('*-1\r\n', []),
  request('*-10\r\n', []),
  request('\r\n', []),
  request('\n', []),
  request(' \t \r\n', []),
  request('PING\r\n', ['PING'], true),
  request('PING\n', ['PING'], true),
  request('  SET  k "a b"\t\'c\'\r\n', ['SET', 'k', 'a b', 'c'], true),
  request('$3\r\n', ['$3'], true),
];

/** Never the beginning of a request, and Redis' text for it. */
export const MALFORMED_REQUESTS: readonly (readonly [text: string, reason: string])[] = [
  ['*\r\n', 'invalid multibulk length'],
  ['*a\r\n', 'invalid multibulk length'],
  ['*1a\r\n', 'invalid multibulk length'],
  ['*01\r\n', 'invalid multibulk length'],
  ['*+1\r\n', 'invalid multibulk length'],
  ['*-0\r\n', 'invalid multibulk length'],
  ['*-\r\n', 'invalid multibulk length'],
  ['*1\rx', 'invalid multibulk length'],
  ['*1\n', 'invalid multibulk length'],
  ['*1048577\r\n', 'invalid multibulk length'],
  ['*3000000000\r\n', 'invalid multibulk length'],
  ['*99999999999999999999\r\n', 'invalid multibulk length'],
  ['*1\r\n$\r\n', 'invalid bulk length'],
  ['*1\r\n$-1\r\n', 'invalid bulk length'],
  ['*1\r\n$a\r\n', 'invalid bulk length'],
  ['*1\r\n$A\r\nxxxxxxxxxxxxxxxxx\r\n', 'invalid bulk length'],
  ['*1\r\n$01\r\na\r\n', 'invalid bulk length'],
  ['*1\r\n$1\ra', 'invalid bulk length'],
  ['*1\r\n$536870913\r\n', 'invalid bulk length'],
  ['*1\r\n$99999999999999999999\r\n', 'invalid bulk length'],
  ['*1\r\n$1\r\nabc', 'invalid bulk length'],
  ['*2\r\n$1\r\na\rx$1\r\nb\r\n', 'invalid bulk length'],
  ['*1\r\n:1\r\n', "expected '$', got ':'"],
  ['*1\r\n\r\n', "expected '$', got ' '"],
  ['*2\r\n$1\r\na\r\nfooz\r\n', "expected '$', got 'f'"],
  ['*1\r\n\x00\r\n', "expected '$', got '?'"],
  [`*${'x'.repeat(65536)}`, 'too big mbulk count string'],
  [`*1\r\n$${'1'.repeat(65536)}`, 'too big bulk count string'],
  [`*1\r\n${'x'.repeat(65537)}`, 'too big bulk count string'],
  ['x'.repeat(65537), 'too big inline request'],
];
