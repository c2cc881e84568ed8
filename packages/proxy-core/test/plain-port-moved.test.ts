import { keySlotOf } from '@undermoon/slots';
import { RawClient } from '@undermoon/testkit';
import { beforeEach, expect, test } from 'vitest';
import type { ProxyServerOptions } from '../src/index.ts';
import { high, low, type MovingSlots, startMovingSlots } from './moving-slots.ts';
import { wordOf, wordsOf } from './plain-fixture.ts';
import { useServers } from './use-servers.ts';

const servers = useServers(3);
let moving: MovingSlots;
let client: RawClient;
const [key = '', other = ''] = high;

beforeEach(async () => {
  await open({});
  return closeAll;
});

async function closeAll(): Promise<void> {
  await client.close();
  moving.stop();
}

async function open(options: ProxyServerOptions): Promise<void> {
  moving = await startMovingSlots(servers, options);
  client = await RawClient.connect(moving.proxies[0]?.plainAddress ?? '');
}

test('a redirection by a proxy with newer metadata is followed, and every reply keeps its place', async () => {
  await moving.makeFirstOld();
  const keys = high.flatMap((one, i) => [one, low[i] ?? one]);
  const commands = keys.flatMap((one) => [
    ['SET', one, `value of ${one}`],
    ['INCR', `n{${one}}`],
    ['GET', one],
    ['LPUSH', one, 'x'],
  ]);
  const replies = (await Promise.all(commands.map((words) => client.command(...words)))).map(
    wordOf,
  );
  keys.forEach((one, i) => {
    expect(replies[4 * i]).toBe('OK');
    expect(replies[4 * i + 2]).toBe(`value of ${one}`);
    expect(replies[4 * i + 3]).toMatch(/^WRONGTYPE/);
  });
  // None was executed twice.
  for (const one of new Set(keys)) {
    expect(wordOf(await client.command('GET', `n{${one}}`))).toBe(
      String(keys.filter((k) => k === one).length),
    );
  }
  await using direct = await RawClient.connect(servers[2]?.address ?? '');
  expect(wordOf(await direct.command('EXISTS', ...high))).toBe(String(high.length));
});

test('large values and replies that come in pieces pass on both sides of a redirection', async () => {
  await moving.makeFirstOld();
  const value = 'v'.repeat(300_000);
  const commands = high.flatMap((one, i) => [
    ['SET', low[i] ?? one, value],
    ['SET', one, value],
    ['GET', low[i] ?? one],
    ['GET', one],
  ]);
  const replies = (await Promise.all(commands.map((words) => client.command(...words)))).map(
    wordOf,
  );
  replies.forEach((reply, i) => expect(reply).toBe(i % 4 < 2 ? 'OK' : value));
});

test('parts of split commands follow, and so do transactions and scripts', async () => {
  for (const proxy of [0, 1, 2]) await moving.tell(proxy, 2, 1);
  const digest = wordOf(await client.command('SCRIPT', 'LOAD', 'return {KEYS[1], ARGV[1]}'));
  await moving.tell(1, 2, 2);
  await moving.tell(2, 2, 2);
  const keys = [...high, ...low];
  expect(wordOf(await client.command('MSET', ...keys.flatMap((one) => [one, one])))).toBe('OK');
  expect(wordsOf(await client.command('MGET', ...keys))).toEqual(keys);
  const replies = await Promise.all([
    client.command('INCR', `n{${key}}`),
    client.command('MULTI'),
    client.command('INCR', `n{${key}}`),
    client.command('INCR', `n{${key}}`),
    client.command('PING'),
    client.command('EXEC'),
    client.command('GET', `n{${key}}`),
    client.command('MULTI'),
    client.command('MSET', key, 'a', other, 'b'),
    client.command('MGET', key, other),
    client.command('EXEC'),
    client.command('GET', other),
  ]);
  expect(wordsOf(replies[5])).toEqual(['2', '3', 'PONG']);
  expect(replies[10]).toMatchObject({ items: [{ value: 'OK' }, { type: 'array' }] });
  expect(wordOf(replies[11])).toBe('b');
  expect([0, 1, 2, 3, 6].map((i) => wordOf(replies[i]))).toEqual([
    '1',
    'OK',
    'QUEUED',
    'QUEUED',
    '3',
  ]);
  expect(wordsOf(await client.command('EVALSHA', digest, '1', key, 'x'))).toEqual([key, 'x']);
});

test('a message to a shard channel follows, and every reply keeps its place', async () => {
  await moving.makeFirstOld();
  await using subscriber = await RawClient.connect(moving.proxies[2]?.address ?? '');
  await subscriber.command('SSUBSCRIBE', key);
  const texts = Array.from({ length: 20 }, (_, i) => `message ${i}`);
  const commands = texts.flatMap((text) => [
    ['INCR', `n{${key}}`],
    ['SPUBLISH', key, text],
    ['ECHO', text],
    ['GET', `n{${key}}`],
  ]);
  const replies = await Promise.all(commands.map((words) => client.command(...words)));
  expect(replies.map(wordOf)).toEqual(
    texts.flatMap((text, i) => [String(i + 1), '1', text, String(i + 1)]),
  );
  const messages = await subscriber.replies(texts.length);
  expect(messages.map((message) => wordsOf(message)[2])).toEqual(texts);
  // To a server beside this proxy, which counts proxies.
  await moving.tell(1, 0, 0);
  await moving.tell(0, 2, 1);
  await moving.tell(2, 0, 0);
  const waiting = client.command('SPUBLISH', key, 'here');
  await moving.tell(0, 0, 0);
  expect(wordOf(await waiting)).toBe('0');
});

test('WATCH at a proxy that has the slot no more lets EXEC fail, as a change of the key does', async () => {
  await moving.makeFirstOld();
  expect(wordOf(await client.command('WATCH', key))).toBe('OK');
  const replies = await Promise.all([
    client.command('SET', key, 'mine'),
    client.command('GET', key),
    client.command('MULTI'),
    client.command('SET', key, 'never'),
    client.command('EXEC'),
    client.command('GET', key),
  ]);
  expect([0, 1, 5].map((i) => wordOf(replies[i]))).toEqual(['OK', 'mine', 'mine']);
  expect(replies[4]).toMatchObject({ type: 'null' });
  await moving.tell(0, 2, 2);
  await client.command('WATCH', key);
  await client.command('MULTI');
  await client.command('SET', key, 'now');
  expect(wordsOf(await client.command('EXEC'))).toEqual(['OK']);
});

test('a blocking command goes to the server that has the slot now', async () => {
  await moving.makeFirstOld();
  const helper = await RawClient.connect(moving.proxies[2]?.plainAddress ?? '');
  const popped = client.command('BLPOP', key, '0');
  await helper.command('RPUSH', key, 'element');
  expect(wordsOf(await popped)).toEqual([key, 'element']);
  expect(wordOf(await client.command('PING'))).toBe('PONG');
  await helper.close();
});

test('a command that waits goes on waiting where its slot goes', async () => {
  await moving.tell(1, 2, 1);
  await moving.tell(2, 2, 1);
  await moving.tell(0, 2, 1);
  const popped = client.command('BLPOP', key, '0');
  await blockedAt(1);
  await moving.tell(2, 2, 2);
  await moving.tell(1, 2, 2);
  await moving.tell(0, 2, 2);
  await blockedAt(2);
  await using direct = await RawClient.connect(servers[2]?.address ?? '');
  await direct.command('RPUSH', key, 'element');
  expect(wordsOf(await popped)).toEqual([key, 'element']);
});

/** Resolves when a client waits at a Redis server. */
async function blockedAt(server: number): Promise<void> {
  await using direct = await RawClient.connect(servers[server]?.address ?? '');
  while (!wordOf(await direct.command('INFO', 'clients')).includes('blocked_clients:1'));
}

test.each([
  [{}],
  // Both would follow for each other, over the same connections.
  [{ activeRedirection: true, backendConnNum: 1, backendConnNumLarge: 1 }],
])(
  'proxies that send a command to each other are asked again until one has heard, %o',
  async (options) => {
    await closeAll();
    await open(options);
    await moving.makeThirdOld();
    const replies = Promise.all([
      client.command('SET', key, 'a'),
      client.command('SET', other, 'b'),
      client.command('MGET', key, other, low[0] ?? ''),
      client.command('PING'),
    ]);
    await using direct = await RawClient.connect(moving.proxies[2]?.address ?? '');
    const asked = async (): Promise<string> => wordOf(await direct.command('INFO', 'stats'));
    while (!/total_error_replies:[3-9]/.test(await asked()));
    await moving.tell(2, 1, 2);
    const [first, second, list, pong] = await replies;
    expect([first, second, pong].map(wordOf)).toEqual(['OK', 'OK', 'PONG']);
    expect(wordsOf(list).slice(0, 2)).toEqual(['a', 'b']);
  },
);

test('proxies that never agree are an error after some time, and not MOVED', async () => {
  await closeAll();
  await open({ redirectTimeoutMs: 300 });
  await moving.makeThirdOld();
  const replies = await Promise.all([
    client.command('SET', key, 'a'),
    client.command('MSET', key, 'a', other, 'b'),
    client.command('BLPOP', key, '0'),
    client.command('PING'),
  ]);
  const slot = keySlotOf(key);
  for (const reply of replies.slice(0, 3)) {
    expect(wordOf(reply)).toMatch(/^CLUSTERDOWN no proxy served slot \d+ within 300 ms/);
  }
  expect(wordOf(replies[0])).toContain(`slot ${slot}`);
  expect(wordOf(replies[3])).toBe('PONG');
  expect(wordOf(await client.command('EXISTS', low[0] ?? ''))).toBe('0');
});

test('what was too large to be kept is refused', async () => {
  await closeAll();
  await open({ redirectBytesMax: 1000 });
  await moving.makeFirstOld();
  expect(wordOf(await client.command('SET', key, 'v'.repeat(2000)))).toMatch(
    /^TRYAGAIN .*redirect_bytes_max/,
  );
  expect(wordOf(await client.command('SET', key, 'v'))).toBe('OK');
  expect(wordOf(await client.command('SPUBLISH', key, 'v'.repeat(2000)))).toMatch(/^TRYAGAIN /);
  // What is kept is given up with its reply.
  for (let i = 0; i < 50; i++) {
    expect(wordOf(await client.command('SPUBLISH', key, 'v'.repeat(200)))).toBe('0');
  }
  for (let i = 0; i < 100; i++) expect(wordOf(await client.command('GET', key))).toBe('v');
});

test('a client that goes while its command is on the way disturbs nobody', async () => {
  await moving.makeThirdOld();
  const going = await RawClient.connect(moving.proxies[0]?.plainAddress ?? '');
  await going.send(Buffer.from(`SET ${key} gone\r\nBLPOP ${key} 0\r\n`));
  await going.close();
  const reply = client.command('SET', key, 'here');
  await moving.tell(2, 1, 2);
  expect(wordOf(await reply)).toBe('OK');
});
