import { keySlotOf } from '@undermoon/slots';
import { RawClient } from '@undermoon/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cursorText } from '../src/core/scan-cursor.ts';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../src/index.ts';
import { setCluster } from './fixture.ts';
import { high, low } from './moving-slots.ts';
import { HALVES, type PlainPair, startPlainPair, wordOf, wordsOf } from './plain-fixture.ts';

// The client is at the first proxy. The second one, with the upper half, is started again: it serves nothing before it
// is given metadata.
let pair: PlainPair;
let restarted: ProxyServer | null = null;
let client: RawClient;

const [key = '', other = ''] = high;

beforeEach(() => open());
afterEach(close);

async function open(
  options: ProxyServerOptions = {},
  serverArgs: readonly string[] = [],
): Promise<void> {
  pair = await startPlainPair(options, serverArgs);
  client = await pair.connect();
}

async function close(): Promise<void> {
  await client.close();
  restarted?.destroy();
  restarted = null;
  await pair.stop();
}

/** The second proxy ends, and listens at its address again, with no metadata. */
async function restart(): Promise<void> {
  const address = pair.proxies[1]?.address ?? '';
  pair.proxies[1]?.destroy();
  restarted = createProxyServer({ address });
  await restarted.listen();
}

/** Tells the proxy that was started again what it serves, once it has refused so many commands. */
async function tellAfter(refusals: number): Promise<void> {
  await using direct = await RawClient.connect(restarted?.address ?? '');
  const refused = async (): Promise<number> => {
    const stats = wordOf(await direct.command('INFO', 'stats'));
    return Number(/total_error_replies:(\d+)/.exec(stats)?.[1]);
  };
  await expect.poll(refused, { interval: 5 }).toBeGreaterThanOrEqual(refusals);
  await setCluster(restarted!, [[pair.redis[1]?.address ?? '', HALVES[1]]], {
    peers: [[pair.proxies[0]?.address ?? '', HALVES[0]]],
  });
}

test('commands wait until a proxy that was started again knows what it serves', async () => {
  await client.command('MSET', key, 'before', ...low.flatMap((one) => [one, 'elsewhere']));
  await restart();
  const appends = high.flatMap((one, i) => [
    ['APPEND', `n{${one}}`, 'x'],
    ['GETSET', low[i % low.length] ?? '', 'elsewhere'],
    ['GET', `n{${one}}`],
  ]);
  const others = [
    ['GET', key],
    ['MSET', key, 'a', other, 'b', low[0] ?? '', 'c'],
    ['MGET', key, other, low[0] ?? ''],
    ['EVAL', 'return redis.call("INCR", KEYS[1])', '1', `counter{${key}}`],
    ['PING'],
  ];
  const sent = [...appends, ...others].map((words) => client.command(...words));
  await tellAfter(3);
  const replies = await Promise.all(sent);
  // Each was executed once, and each reply is in its place.
  for (let i = 0; i < appends.length; i += 3) {
    const [length, elsewhere, value] = replies.slice(i, i + 3).map(wordOf);
    expect([length, elsewhere, value]).toEqual(['1', 'elsewhere', 'x']);
  }
  const [read, set, list, count, pong] = replies.slice(appends.length);
  expect([read, set, count, pong].map(wordOf)).toEqual(['before', 'OK', '1', 'PONG']);
  expect(wordsOf(list)).toEqual(['a', 'b', 'c']);
});

test('a transaction waits as a whole, and is executed once', async () => {
  await restart();
  const sent = Promise.all(
    [['MULTI'], ['INCR', key], ['INCR', key], ['EXEC'], ['GET', key]].map((words) =>
      client.command(...words),
    ),
  );
  await tellAfter(2);
  const replies = await sent;
  expect(wordsOf(replies[3])).toEqual(['1', '2']);
  expect(wordOf(replies[4])).toBe('2');
});

test('so does one on keys of several slots of its server', async () => {
  await restart();
  const sent = Promise.all(
    [['MULTI'], ['INCR', key], ['INCR', other], ['EXEC'], ['MGET', key, other]].map((words) =>
      client.command(...words),
    ),
  );
  await tellAfter(1);
  const replies = await sent;
  expect(wordsOf(replies[3])).toEqual(['1', '1']);
  expect(wordsOf(replies[4])).toEqual(['1', '1']);
});

test('a blocking command waits, and then at the server', async () => {
  await restart();
  const popped = client.command('BLPOP', key, '0');
  await tellAfter(1);
  await using direct = await RawClient.connect(pair.redis[1]?.address ?? '');
  await direct.command('RPUSH', key, 'element');
  expect(wordsOf(await popped)).toEqual([key, 'element']);
});

test('commands that only the servers know wait, too', async () => {
  await close();
  await open({}, ['--rename-command', 'append', 'my.append']);
  expect(wordOf(await client.command('MY.APPEND', key, 'a'))).toBe('1');
  await restart();
  const sent = client.command('MY.APPEND', key, 'b');
  await tellAfter(1);
  expect(wordOf(await sent)).toBe('2');
});

test('a script by its digest is there again', async () => {
  const digest = wordOf(await client.command('SCRIPT', 'LOAD', 'return {KEYS[1], ARGV[1]}'));
  await restart();
  const sent = client.command('EVALSHA', digest, '1', key, 'x');
  await tellAfter(1);
  expect(wordsOf(await sent)).toEqual([key, 'x']);
});

test('commands for all servers wait until it knows its own', async () => {
  const digest = wordOf(await client.command('SCRIPT', 'LOAD', 'return 1'));
  await client.command('MSET', key, 'a', other, 'b', low[0] ?? '', 'c');
  await restart();
  const asked = [
    ['DBSIZE'],
    ['KEYS', '*'],
    ['RANDOMKEY'],
    // It is for one server at a time: from here on for the second one.
    ['SCAN', cursorText({ inner: 0n, slot: 8192 })],
    ['SCRIPT', 'LOAD', 'return 2'],
    ['SCRIPT', 'EXISTS', digest],
    ['FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 3 end)"],
    ['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru'],
  ];
  const clients = await Promise.all(asked.map(() => pair.connect()));
  const sent = clients.map((one, i) =>
    Promise.all([one.command(...(asked[i] ?? [])), one.command('PING')]),
  );
  await tellAfter(asked.length);
  const replies = await Promise.all(sent);
  await Promise.all(clients.map((one) => one.close()));
  const [size, keys, random, scan, load, exists, library, set] = replies.map(([reply]) => reply);
  expect(replies.map(([, pong]) => wordOf(pong))).toEqual(asked.map(() => 'PONG'));
  expect([size, load, library, set].map(wordOf)).toEqual([
    '3',
    '7f923f79fe76194c868d7e1d0820de36700eb649',
    'lib',
    'OK',
  ]);
  expect(wordsOf(keys).toSorted()).toEqual([key, other, low[0] ?? ''].toSorted());
  expect([key, other, low[0]]).toContain(wordOf(random));
  expect(wordsOf(scan?.type === 'array' ? scan.items[1] : undefined).toSorted()).toEqual(
    [key, other].toSorted(),
  );
  expect(wordsOf(exists)).toEqual(['1']);
});

test('FLUSHALL is executed everywhere, and once', async () => {
  await client.command('MSET', key, 'a', low[0] ?? '', 'c');
  await restart();
  const sent = Promise.all([
    client.command('FLUSHALL'),
    client.command('SET', key, 'later'),
    client.command('DBSIZE'),
  ]);
  await tellAfter(1);
  expect((await sent).map(wordOf)).toEqual(['OK', 'OK', '1']);
});

test('a proxy that is never told is an error after some time', async () => {
  await close();
  await open({ redirectTimeoutMs: 300 });
  await restart();
  const replies = await Promise.all([
    client.command('SET', key, 'a'),
    client.command('MSET', key, 'a', other, 'b'),
    client.command('BLPOP', key, '0'),
    client.command('MULTI'),
    client.command('SET', key, 'a'),
    client.command('EXEC'),
    client.command('PING'),
    client.command('DBSIZE'),
  ]);
  expect(wordOf(replies[7])).toBe(
    `CLUSTERDOWN proxy ${restarted?.address} knew no server within 300 ms (redirect_timeout_ms)`,
  );
  for (const i of [0, 1, 2, 5]) {
    expect(wordOf(replies[i])).toMatch(/^CLUSTERDOWN no proxy served slot \d+ within 300 ms/);
  }
  expect(wordOf(replies[0])).toContain(`slot ${keySlotOf(key)} `);
  expect(wordOf(replies[6])).toBe('PONG');
});

test('WATCH at a proxy that was started again lets EXEC fail', async () => {
  await restart();
  expect(wordOf(await client.command('WATCH', key))).toBe('OK');
  await tellAfter(1);
  await client.command('MULTI');
  await client.command('SET', key, 'never');
  expect((await client.command('EXEC')).type).toBe('null');
  expect((await client.command('GET', key)).type).toBe('null');
});
