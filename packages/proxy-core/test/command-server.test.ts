// The command table, the key finder and the COMMAND replies against a real server.
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { encodeCommand, type RespValue, RespWriter, textOf, ValueDecoder } from '@undermoon/resp';
import { RawClient, type RedisServer, startRedis, startScriptedPeer } from '@undermoon/testkit';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  BAD_ARITY,
  findKeys,
  isArityOk,
  keyErrorText,
  KeyPositions,
  locateKeys,
} from '../src/core/command-keys.ts';
import {
  type CommandFrame,
  commandName,
  hasFlag,
  refusalOf,
  resolveCommand,
} from '../src/core/command-lookup.ts';
import { writeCommandReply } from '../src/core/command-reply.ts';
import {
  COMMAND_ARITY,
  COMMAND_FLAG,
  COMMAND_GROUP,
  COMMAND_GROUPS,
  COMMAND_ID,
  COMMAND_KEY_FINDER,
  COMMAND_NAMES,
  COMMAND_SINCE,
  KEY_FINDER,
  KEY_SPEC_OFFSET,
  KEY_SPECS,
  KEY_WORDS,
} from '../src/core/command-table.generated.ts';

const SEED = 20_240_611;
const LISTS_PER_COMMAND = 80;

/** What 7.2 changed; a 7.0 server differs there. */
const CHANGES = JSON.parse(
  readFileSync(new URL('../../../tools/codegen/data/changes-7.2.json', import.meta.url), 'utf8'),
) as { add: Record<string, unknown>; change: Record<string, Record<string, unknown>> };
const NEW_IN_72: readonly string[] = Object.keys(CHANGES.add);

const IDS = [...COMMAND_NAMES.keys()];
// Commands of later servers are described here, too.
const OWN = IDS.filter(
  (id) =>
    COMMAND_GROUPS[COMMAND_GROUP[id]!] === 'undermoon' || /^([89]|\d\d)\./.test(COMMAND_SINCE[id]!),
);

let server: RedisServer;
let client: RawClient;
let serverNames: ReadonlySet<string>;

beforeAll(async () => {
  server = await startRedis();
  client = await RawClient.connect(server.address);
  serverNames = new Set(textsOf(await client.command('COMMAND', 'LIST')));
});

afterAll(async () => {
  await client.close();
  await server.stop();
});

function isKnownToServer(id: number): boolean {
  return serverNames.has(COMMAND_NAMES[id]!);
}

function itemsOf(value: RespValue): readonly RespValue[] {
  return 'items' in value ? value.items : [];
}

function textsOf(value: RespValue): string[] {
  return itemsOf(value).map((item) => textOf(item) ?? '');
}

/** Many commands in one write. */
async function ask(commands: readonly (readonly string[])[]): Promise<RespValue[]> {
  await client.send(Buffer.concat(commands.map((words) => encodeCommand(words))));
  return client.replies(commands.length);
}

function frameOf(words: readonly string[]): { bytes: Buffer; frame: CommandFrame } {
  const bytes = Buffer.from(words.join('\r'));
  let offset = 0;
  const argStart = Int32Array.from(words, (word) => {
    const start = offset;
    offset += word.length + 1;
    return start;
  });
  const argEnd = argStart.map((start, i) => start + words[i]!.length);
  return { bytes, frame: { argc: words.length, argStart, argEnd } };
}

/** The keys, or the error, in the words of COMMAND GETKEYS. */
function ourKeys(words: readonly string[]): readonly string[] | string {
  const { bytes, frame } = frameOf(words);
  const id = resolveCommand(bytes, frame);
  const keys = new KeyPositions();
  const count = locateKeys(id, bytes, frame, keys);
  if (count === BAD_ARITY) return 'ERR Invalid number of arguments specified for command';
  if (count > 0) return [...keys.indexes.subarray(0, count)].map((index) => words[index]!);
  if (hasFlag(id, COMMAND_FLAG.NO_MANDATORY_KEYS)) return [];
  return 'ERR Invalid arguments specified for command';
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const OPTION_WORDS =
  'STORE storedist STREAMS streams KEYS GET BY LIMIT COUNT BLOCK GROUP NOACK AUTH AUTH2 COPY REPLACE DB WEIGHTS';
const WORDS: readonly string[] = [
  ...OPTION_WORDS.split(' '),
  // No '01' or '+1': COMMAND GETKEYS reads them as counts, the commands themselves do not.
  ...'a b c d {t}1 {t}2 0 1 2 3 4 -1 9223372036854775807 9223372036854775808'.split(' '),
  '',
  'a key with blanks\r\n',
];

class ArgumentLists {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = mulberry(seed);
  }

  /** A word list for the command; two of three have what its key specs ask for in the right places. */
  next(id: number): string[] {
    const name = COMMAND_NAMES[id]!.split('|');
    const wanted = Math.abs(COMMAND_ARITY[id]!) + this.#below(COMMAND_ARITY[id]! < 0 ? 8 : 1);
    const words = [...name];
    while (words.length < wanted) words.push(this.#pick(WORDS));
    if (this.#below(3) > 0) this.#fitToSpecs(id, words);
    if (this.#below(8) === 0) words.splice(this.#below(words.length - 1) + 2, 1);
    return words;
  }

  #fitToSpecs(id: number, words: string[]): void {
    for (let spec = KEY_SPEC_OFFSET[id]!; spec < KEY_SPEC_OFFSET[id + 1]!; spec++) {
      const [begin, first = 0, word = 0, find, offset = 0] = KEY_SPECS.subarray(
        spec * 7,
        spec * 7 + 7,
      );
      if (begin === 1 && this.#below(2) > 0) {
        const from = first > 0 ? first : words.length + first;
        const at = from + this.#below(Math.max(1, words.length - from));
        words[at] = KEY_WORDS[word]!;
        // So many streams, then as many ids.
        if (KEY_WORDS[word] === 'STREAMS' && this.#below(4) > 0) {
          const count = 1 + this.#below(3);
          words.length = at + 1;
          for (let i = 0; i < 2 * count; i++) words.push(i < count ? this.#pick(WORDS) : '0-0');
        }
      } else if (begin === 0 && find === 1) {
        const at = first + offset;
        words[at] = String(this.#below(Math.max(1, words.length - at)));
      }
    }
    if (id === COMMAND_ID.SORT && this.#below(2) > 0) words.push('STORE', 'dest');
    if (id === COMMAND_ID.MIGRATE && this.#below(2) > 0) words[3] = '';
  }

  #pick(list: readonly string[]): string {
    return list[this.#below(list.length)]!;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

function withKeys(): number[] {
  const finders: readonly number[] = [KEY_FINDER.NONE, KEY_FINDER.SUBCOMMAND];
  return IDS.filter((id) => !finders.includes(COMMAND_KEY_FINDER[id]!));
}

describe('keys', () => {
  test(`are those of COMMAND GETKEYS for ${LISTS_PER_COMMAND} word lists a command (seed ${SEED})`, async () => {
    // Their arguments are channels of a shard: they have a slot, but COMMAND GETKEYS names no keys.
    const channels = ['spublish', 'ssubscribe', 'sunsubscribe'];
    const ids = withKeys().filter((id) => !channels.includes(COMMAND_NAMES[id]!));
    expect(ids.filter((id) => !isKnownToServer(id))).toEqual([]);
    const lists = new ArgumentLists(SEED);
    let found = 0;
    for (const id of ids) {
      const all = Array.from({ length: LISTS_PER_COMMAND }, () => lists.next(id));
      const asked = all.filter((words) => words.length > 1);
      const replies = await ask(asked.map((words) => ['COMMAND', 'GETKEYS', ...words]));
      const theirs = replies.map((reply) =>
        reply.type === 'error' ? reply.value : textsOf(reply),
      );
      const differing = asked
        .map((words, i) => ({ words, ours: ourKeys(words), theirs: theirs[i] }))
        // 7.0 asks COMMAND GETKEYS itself for one argument more.
        .filter(({ theirs: text }) => !String(text).includes("'command|getkeys'"))
        .filter(({ words, ours, theirs: text }) => !isSameUpToArity(id, words, ours, text));
      expect(differing).toEqual([]);
      const keyed = theirs.filter((keys) => Array.isArray(keys) && keys.length > 0).length;
      expect(keyed).toBeGreaterThan(2);
      found += keyed;
    }
    expect(found).toBeGreaterThan(ids.length * LISTS_PER_COMMAND * 0.6);
  });

  function isSameUpToArity(
    id: number,
    words: readonly string[],
    ours: unknown,
    theirs: unknown,
  ): boolean {
    if (JSON.stringify(ours) === JSON.stringify(theirs)) return true;
    // PFMERGE without a source is valid, but COMMAND GETKEYS misses its only key.
    if (id === COMMAND_ID.PFMERGE && words.length === 2) return true;
    // STREAMS in the place of GROUP is an error of XREADGROUP, whatever COMMAND GETKEYS makes of it.
    if (id === COMMAND_ID.XREADGROUP && words[1]?.toUpperCase() === 'STREAMS') return true;
    // ZRANK and ZREVRANK take WITHSCORE from 7.2 on.
    return (
      CHANGES.change[COMMAND_NAMES[id]!]?.['arity'] !== undefined &&
      isArityOk(id, words.length) &&
      String(theirs).includes('Invalid number of arguments')
    );
  }

  test('faulty counts of keys get the server’s own error', async () => {
    const counted = 'EVAL EVAL_RO ZUNION ZINTER ZDIFF ZINTERCARD SINTERCARD LMPOP ZMPOP'.split(' ');
    const stores = ['ZUNIONSTORE', 'ZINTERSTORE', 'ZDIFFSTORE'];
    const lines = [
      'x',
      '-1',
      '0',
      '7',
      '01',
      '99999999999999999999',
      '-9223372036854775809',
    ].flatMap((count) => [
      ...counted.map((name) =>
        name.startsWith('EVAL') ? [name, 'return 1', count] : [name, count],
      ),
      ...stores.map((name) => [name, 'dest', count]),
    ]);
    const commands = lines.map((line) => [...line, 'a', 'LEFT']).filter(isFaulty);
    expect(commands.length).toBeGreaterThan(70);
    const replies = await ask(commands);
    expect(commands.map(ourError)).toEqual(replies.map((reply) => textOfError(reply)));
  });

  test('streams without the keyword get the server’s own error', async () => {
    const commands = [
      ['XREAD', 'COUNT', '1', 'a'],
      ['XREAD', 'a', 'b', 'c'],
      ['XREAD', 'COUNT', '1', 'STREAMS'],
      ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '1', 'STREAMS'],
    ];
    const replies = await ask(commands);
    expect(commands.map(ourError)).toEqual(replies.map((reply) => textOfError(reply)));
  });

  function codeOf(words: readonly string[]): { id: number; code: number } {
    const { bytes, frame } = frameOf(words);
    const id = resolveCommand(bytes, frame);
    return { id, code: findKeys(id, bytes, frame, new KeyPositions()) };
  }

  function ourError(words: readonly string[]): string {
    const { id, code } = codeOf(words);
    return keyErrorText(id, code);
  }

  /** A script without keys has a code of its own, but is fine. */
  function isFaulty(words: readonly string[]): boolean {
    return !(words[0]!.startsWith('EVAL') && words[2] === '0') && codeOf(words).code < 0;
  }
});

function textOfError(reply: RespValue): string {
  return reply.type === 'error' ? reply.value : `no error but ${reply.type}`;
}

describe('facts', () => {
  test('only what is new or our own is unknown to the server', () => {
    const unknown = IDS.filter((id) => !isKnownToServer(id) && !OWN.includes(id));
    const names = unknown.map((id) => COMMAND_NAMES[id]!);
    // A 7.2 server knows them all.
    expect(names.filter((name) => !NEW_IN_72.includes(name))).toEqual([]);
  });

  test('arity errors agree for every command', async () => {
    const cases: { id: number; words: string[] }[] = [];
    for (const id of IDS) {
      const arity = COMMAND_ARITY[id]!;
      const name = COMMAND_NAMES[id]!.split('|');
      const hasOtherArity = CHANGES.change[COMMAND_NAMES[id]!]?.['arity'] !== undefined;
      // EXEC answers with EXECABORT, in the one place where this is no reply to a single command.
      if (!isKnownToServer(id) || hasOtherArity || id === COMMAND_ID.EXEC) continue;
      const wrong = arity < 0 ? [-arity - 1] : [arity - 1, arity + 1];
      for (const argc of wrong) {
        if (argc < name.length || (argc === 0 && arity < 0)) continue;
        const words = [...name];
        while (words.length < argc) words.push('1');
        cases.push({ id, words });
      }
    }
    expect(cases.length).toBeGreaterThan(400);
    const replies = await ask(cases.map(({ words }) => words));
    for (const [i, { id, words }] of cases.entries()) {
      expect(isArityOk(id, words.length)).toBe(false);
      expect(keyErrorText(id, BAD_ARITY)).toBe(textOfError(replies[i]!));
    }
  });
});

describe('COMMAND', () => {
  /** Our reply as the client reads it. */
  function ours(protocol: 2 | 3, words: readonly string[]): Buffer {
    const writer = new RespWriter(protocol);
    writeCommandReply(
      writer,
      words.map((word) => Buffer.from(word)),
    );
    return writer.take();
  }

  async function theirs(protocol: 2 | 3, words: readonly string[]): Promise<Buffer> {
    await using peer = await RawClient.connect(server.address);
    await peer.command('HELLO', String(protocol));
    const before = peer.receivedBytes.length;
    await peer.command(...words);
    return peer.receivedBytes.subarray(before);
  }

  // Without notes in their key specs and without changes after 7.0.
  const SAMPLE =
    'append bitop copy del expire geoadd georadius get getdel hset lcs lmpop lmove lpush ' +
    'mget mset object|freq object|encoding pfadd ping rename sinterstore sintercard smismember spop sunion ' +
    'xgroup|create xinfo|stream xread xreadgroup zadd zunion zunionstore zrangestore memory|usage echo';

  test.each([2, 3] as const)('INFO replies have the server’s bytes in RESP%d', async (protocol) => {
    for (const name of SAMPLE.split(' ')) {
      if (name === 'sinterstore' && !serverNames.has('waitaof')) continue;
      const words = ['COMMAND', 'INFO', name];
      expect(ours(protocol, words).toString()).toBe((await theirs(protocol, words)).toString());
    }
  });

  test.each([2, 3] as const)(
    'errors and small replies have the server’s bytes in RESP%d',
    async (p) => {
      const lines = [
        'COMMAND INFO nope',
        'COMMAND INFO xgroup|nope',
        'COMMAND INFO NOPE get|x Get',
        'COMMAND nope',
        'COMMAND COUNT x',
        'COMMAND LIST x',
        'COMMAND LIST FILTERBY x y',
        'COMMAND LIST FILTERBY MODULE x',
        'COMMAND LIST FILTERBY ACLCAT nope',
        'COMMAND LIST FILTERBY ACLCAT @geo',
        'COMMAND LIST FILTERBY PATTERN G?T',
        'COMMAND DOCS nope',
        'COMMAND GETKEYS',
        'COMMAND GETKEYS nope a',
        'COMMAND GETKEYS ping a',
        'COMMAND GETKEYS get a b',
        'COMMAND GETKEYS object nope a',
        'COMMAND GETKEYS zunion 5 a',
        'COMMAND GETKEYS eval x 0',
        'COMMAND GETKEYS mset {a}1 x {a}2 y',
        'COMMAND GETKEYSANDFLAGS set a b',
        'COMMAND GETKEYSANDFLAGS SET a b EX 1 GET',
        'COMMAND GETKEYSANDFLAGS bitfield a get u8 0 overflow sat',
        'COMMAND GETKEYSANDFLAGS bitfield a get u8 0 incrby u8 0 1',
        'COMMAND GETKEYSANDFLAGS bitfield a get u8',
        'COMMAND GETKEYSANDFLAGS georadius a 1 2 3 km store b storedist c',
        'COMMAND GETKEYSANDFLAGS zunionstore d 2 a b',
        'COMMAND GETKEYSANDFLAGS sort a limit 0 1 store b',
        'COMMAND GETKEYSANDFLAGS xread streams a b 0 0',
        'COMMAND GETKEYSANDFLAGS eval x 1 a',
        'COMMAND GETKEYSANDFLAGS rename a b',
        'COMMAND GETKEYSANDFLAGS lcs a b',
        'COMMAND GETKEYSANDFLAGS bitop and d a b',
        'COMMAND GETKEYSANDFLAGS object freq a',
      ];
      for (const line of lines) {
        const words = line.split(' ');
        expect(`${line}: ${ours(p, words).toString()}`).toBe(
          `${line}: ${(await theirs(p, words)).toString()}`,
        );
      }
    },
  );

  test('lists what is not refused', () => {
    const decoder = new ValueDecoder();
    decoder.push(ours(2, ['COMMAND', 'LIST']));
    const names = textsOf(decoder.next() ?? { type: 'null' });
    const listed = IDS.filter((id) => refusalOf(id) === '').map(commandName);
    expect(names).toEqual(listed);
    expect(names).toContain('object|encoding');
    expect(names).toContain('subscribe');
    expect(names).not.toContain('shutdown');
    expect(names).not.toContain('acl|setuser');
    decoder.push(ours(3, ['COMMAND']));
    const entries = itemsOf(decoder.next() ?? { type: 'null' });
    expect(entries.map((entry) => textOf(itemsOf(entry)[0]!))).toEqual(
      listed.filter((name) => !name.includes('|')),
    );
    expect(ours(2, ['COMMAND', 'COUNT']).toString()).toBe(`:${entries.length}\r\n`);
  });

  test('DOCS has the server’s fields, in own words', async () => {
    const words = ['COMMAND', 'DOCS', 'substr', 'xgroup'];
    const [mine, real] = [ours(3, words), await theirs(3, words)].map((bytes) => {
      const decoder = new ValueDecoder();
      decoder.push(bytes);
      return plain(decoder.next() ?? { type: 'null' }) as Record<string, Record<string, unknown>>;
    });
    const { substr, xgroup } = mine!;
    expect(Object.keys(mine!)).toEqual(['substr', 'xgroup']);
    const { since, group, doc_flags: flags, deprecated_since: deprecatedSince } = real!['substr']!;
    expect(substr).toEqual({
      summary: 'Read a part of a string',
      since,
      group,
      doc_flags: flags,
      deprecated_since: deprecatedSince,
    });
    expect(Object.keys(xgroup!['subcommands'] as object).toSorted()).toEqual(
      Object.keys(real!['xgroup']!['subcommands'] as object).toSorted(),
    );
  });

  test('HELP names every subcommand', () => {
    const text = ours(2, ['COMMAND', 'HELP']).toString();
    for (const name of ['COUNT', 'DOCS', 'GETKEYS', 'GETKEYSANDFLAGS', 'INFO', 'LIST', 'HELP']) {
      expect(text).toContain(`+${name}\r\n`);
    }
  });
});

describe('stock clients', () => {
  const connections = Array.from({ length: 4 }, () => []);

  function answer(request: readonly Buffer[], protocol: 2 | 3): Buffer {
    const name = request[0]!.toString().toLowerCase();
    const writer = new RespWriter(protocol);
    if (name === 'command') writeCommandReply(writer, request);
    else if (name !== 'hello') writer.simple('OK');
    else if (protocol === 2) writer.error("ERR unknown command 'HELLO'");
    else writer.map(2).bulk('server').bulk('redis').bulk('proto').integer(3);
    return writer.take();
  }

  test.each([2, 3] as const)('ioredis reads COMMAND in RESP%d', async (protocol) => {
    await using peer = await startScriptedPeer({ connections, always: (r) => answer(r, protocol) });
    const redis = new Redis({ port: peer.port, enableReadyCheck: false });
    const entries = (await redis.call('COMMAND')) as [
      string,
      number,
      string[],
      number,
      number,
      number,
    ][];
    const get = entries.find(([name]) => name === 'get')!;
    expect(get.slice(0, 2)).toEqual(['get', 2]);
    expect([...get[2]]).toEqual(['readonly', 'fast']);
    expect(get.slice(3, 6)).toEqual([1, 1, 1]);
    expect(await redis.command('GETKEYS', 'mset', 'a', '1', 'b', '2')).toEqual(['a', 'b']);
    expect(await redis.command('COUNT')).toBe(entries.length);
    redis.disconnect();
  });

  test.each([2, 3] as const)('node-redis reads COMMAND in RESP%d', async (protocol) => {
    await using peer = await startScriptedPeer({ connections, always: (r) => answer(r, protocol) });
    const redis = createClient({ socket: { port: peer.port }, RESP: protocol });
    await redis.connect();
    const entries = await redis.command();
    expect(entries).toHaveLength(await redis.commandCount());
    const [info] = await redis.commandInfo(['get']);
    expect(info).toMatchObject({
      name: 'get',
      arity: 2,
      firstKeyIndex: 1,
      lastKeyIndex: 1,
      step: 1,
    });
    expect([...info!.flags]).toEqual(['readonly', 'fast']);
    expect([...info!.categories]).toEqual(['@read', '@string', '@fast']);
    expect(await redis.commandGetKeys(['EVAL', 'x', '1', 'k'])).toEqual(['k']);
    expect(await redis.commandGetKeysAndFlags(['GET', 'k'])).toMatchObject([{ key: 'k' }]);
    expect(await redis.commandList()).toContain('object|encoding');
    redis.destroy();
  });
});

/** Maps as objects, sequences as arrays, the rest as text. */
function plain(value: RespValue): unknown {
  if ('items' in value) return value.items.map(plain);
  if (value.type !== 'map') return textOf(value);
  return Object.fromEntries(value.entries.map(([key, entry]) => [textOf(key), plain(entry)]));
}
