// Compressed values of commands that take detours: over other proxies with other metadata, and over a connection that is lost.
import { decompress } from '@bokuweb/zstd-wasm';
import { encodeCommand, type RespValue } from '@undermoon/resp';
import { RawClient, type ScriptStep, startScriptedPeer } from '@undermoon/testkit';
import { beforeEach, expect, test } from 'vitest';
import { createProxyServer } from '../src/index.ts';
import { ALL_SLOTS, setCluster } from './fixture.ts';
import { high, low, type MovingSlots, startMovingSlots } from './moving-slots.ts';
import { wordOf, wordsOf } from './plain-fixture.ts';
import { useServers } from './use-servers.ts';

const COMPRESSING = [['compression_strategy', 'set_get_only']] as const;
const MAGIC = '28b52ffd';
/** What is stored for "value". */
const VALUE_FRAME = Buffer.from('28b52ffd004829000076616c7565', 'hex');
const PARTIAL = 'ERR unsupported string command when compression is enabled';
const LONG = 'long '.repeat(1000);

const servers = useServers(3);
let moving: MovingSlots;
let client: RawClient;
const [key = '', other = ''] = high;

beforeEach(async () => {
  moving = await startMovingSlots(servers, {}, COMPRESSING);
  client = await RawClient.connect(moving.proxies[0]?.plainAddress ?? '');
  return closeAll;
});

async function closeAll(): Promise<void> {
  await client.close();
  moving.stop();
}

/** A command at one of the servers. */
async function direct(server: number, ...words: string[]): Promise<RespValue> {
  await using connection = await RawClient.connect(servers[server]?.address ?? '');
  return await connection.command(...words);
}

/** What a server holds, if it is a frame: compressed exactly once. */
async function unpacked(server: number, of: string): Promise<string> {
  const reply = await direct(server, 'GET', of);
  const value = 'value' in reply && Buffer.isBuffer(reply.value) ? reply.value : Buffer.alloc(0);
  if (value.toString('hex', 0, 4) !== MAGIC) return `no frame: ${value.toString('latin1')}`;
  return Buffer.from(decompress(value)).toString();
}

async function ask(...commands: string[][]): Promise<RespValue[]> {
  return Promise.all(commands.map((words) => client.command(...words)));
}

test('string commands that are redirected to another proxy are compressed by that one, once', async () => {
  await moving.makeFirstOld();
  const replies = await ask(
    ['SET', key, LONG],
    ['GET', key],
    ['GETSET', key, 'second'],
    ['SET', key, 'third', 'GET'],
    ['SETNX', `{${key}}nx`, 'nx'],
    ['SETEX', `{${key}}ex`, '100', 'ex'],
    ['GETEX', key, 'PERSIST'],
    ['MSET', `{${key}}a`, 'a', `{${key}}b`, 'b'],
    ['GETDEL', `{${key}}b`],
  );
  expect(replies.map(wordOf)).toEqual(['OK', LONG, LONG, 'second', '1', 'OK', 'third', 'OK', 'b']);
  for (const [of, value] of [
    [key, 'third'],
    [`{${key}}nx`, 'nx'],
    [`{${key}}ex`, 'ex'],
    [`{${key}}a`, 'a'],
  ] as const) {
    expect([of, await unpacked(2, of)]).toEqual([of, value]);
  }
});

test('parts of split commands are redirected, each with its values', async () => {
  await moving.makeFirstOld();
  const keys = [...high, ...low];
  await client.command('MSET', ...keys.flatMap((one) => [one, `value of ${one}`]));
  expect(wordsOf(await client.command('MGET', ...keys))).toEqual(
    keys.map((one) => `value of ${one}`),
  );
  for (const one of keys) expect(await unpacked(2, one)).toBe(`value of ${one}`);
});

test('commands on parts of values are refused where they are redirected to', async () => {
  await moving.makeFirstOld();
  const replies = await ask(
    ['APPEND', key, 'x'],
    ['INCR', key],
    ['STRLEN', key],
    ['GETRANGE', key, '0', '1'],
    ['SETRANGE', key, '1', 'x'],
  );
  expect(replies.map(wordOf)).toEqual(Array.from({ length: 5 }, () => PARTIAL));
  const [, queued, , executed] = await ask(['MULTI'], ['SET', key, 'v'], ['INCR', key], ['EXEC']);
  expect(wordOf(queued)).toBe('QUEUED');
  expect(wordOf(executed)).toMatch(/^EXECABORT .*unsupported string command/);
  expect((await client.command('GET', key)).type).toBe('null');
});

test('transactions are redirected as a whole; what scripts write is stored as it is', async () => {
  await moving.makeFirstOld();
  const script = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])";
  const replies = await ask(
    ['MULTI'],
    ['SET', key, LONG],
    ['GET', key],
    ['SET', key, 'after', 'GET'],
    ['RPUSH', `{${key}}list`, 'element'],
    ['EXEC'],
    ['GET', key],
    ['EVAL', script, '1', other, 'by a script'],
    ['GET', other],
  );
  expect(wordsOf(replies[5])).toEqual(['OK', LONG, LONG, '1']);
  expect(replies.slice(6).map(wordOf)).toEqual(['after', 'by a script', 'by a script']);
  expect(await unpacked(2, key)).toBe('after');
  expect(await unpacked(2, other)).toBe('no frame: by a script');
});

test('what comes back to the proxy of the client is compressed by it, and read by it', async () => {
  // The second proxy has given the upper half to the first, which has not heard of it.
  await moving.tell(0, 1, 1);
  await moving.tell(2, 1, 0);
  await moving.tell(1, 1, 0);
  const waiting = ask(
    ['SET', key, LONG],
    ['GET', key],
    ['GETSET', key, 'second'],
    ['APPEND', key, 'x'],
  );
  const split = client.command('MSET', other, 'of a split command', low[0] ?? '', 'at the second');
  await refusedBy(1, 1);
  await moving.tell(0, 1, 0);
  expect((await waiting).map(wordOf)).toEqual(['OK', LONG, LONG, PARTIAL]);
  expect(wordOf(await split)).toBe('OK');
  expect(await unpacked(0, key)).toBe('second');
  expect(await unpacked(0, other)).toBe('of a split command');
  expect(await unpacked(1, low[0] ?? '')).toBe('at the second');
  expect(wordsOf(await client.command('MGET', key, other, low[0] ?? ''))).toEqual([
    'second',
    'of a split command',
    'at the second',
  ]);
});

test('a transaction whose values were queued for another proxy is discarded when it comes back', async () => {
  await moving.tell(0, 1, 1);
  await moving.tell(2, 1, 0);
  await moving.tell(1, 1, 0);
  const waiting = ask(['MULTI'], ['SET', key, 'never'], ['EXEC'], ['GET', key]);
  await refusedBy(1, 1);
  await moving.tell(0, 1, 0);
  const [, queued, executed, value] = await waiting;
  expect(wordOf(queued)).toBe('QUEUED');
  expect(wordOf(executed)).toMatch(/^EXECABORT .*compression/);
  expect(value?.type).toBe('null');
});

/** Sends `commands` through a proxy to a server that plays a script for each connection. */
async function play(
  connections: readonly (readonly ScriptStep[])[],
  commands: readonly (readonly string[])[],
): Promise<string[]> {
  await using peer = await startScriptedPeer({ connections });
  const proxy = createProxyServer({ address: '127.0.0.1:0', backendConnNum: 1 });
  await proxy.listen();
  await setCluster(proxy, [[peer.address, ALL_SLOTS]], { roles: false, config: COMPRESSING });
  await using at = await RawClient.connect(proxy.address);
  await at.send(Buffer.concat(commands.map((words) => encodeCommand(words))));
  const replies = await at.replies(commands.length);
  await peer.done;
  proxy.destroy();
  return replies.map(wordOf);
}

const FRAME = Buffer.concat([Buffer.from('$14\r\n'), VALUE_FRAME, Buffer.from('\r\n')]);
const LOST: unknown = expect.stringMatching(/was lost, the command may have been executed$/);

test('a read of a value whose reply was lost is sent again and read; what writes is not', async () => {
  const replies = await play(
    [
      [
        { expect: ['GET', 'a'], reply: FRAME },
        { expect: ['GETEX', 'a', 'PERSIST'] },
        { expect: ['GET', 'a'], connection: 'reset' },
      ],
      [{ expect: ['GET', 'a'], reply: FRAME }],
    ],
    [
      ['GET', 'a'],
      ['GETEX', 'a', 'PERSIST'],
      ['GET', 'a'],
    ],
  );
  expect(replies).toEqual(['value', LOST, 'value']);
});

test('a read of a value whose reply came in part is sent again', async () => {
  const replies = await play(
    [
      [{ expect: ['GET', 'a'], reply: FRAME.subarray(0, 10), connection: 'end' }],
      [{ expect: ['GET', 'a'], reply: FRAME }],
    ],
    [['GET', 'a']],
  );
  expect(replies).toEqual(['value']);
});

/** Resolves when a proxy has answered this many commands with errors. */
async function refusedBy(proxy: number, count: number): Promise<void> {
  await using admin = await RawClient.connect(moving.proxies[proxy]?.address ?? '');
  await expect
    .poll(async () => {
      const stats = wordOf(await admin.command('INFO', 'stats'));
      return Number(/total_error_replies:(\d+)/.exec(stats)?.[1]);
    })
    .toBeGreaterThanOrEqual(count);
}
