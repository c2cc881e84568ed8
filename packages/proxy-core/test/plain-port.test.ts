import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { keySlotOf } from '@undermoon/slots';
import type { RespValue } from '@undermoon/resp';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createProxyServer, type ProxyServer } from '../src/index.ts';
import { setCluster } from './fixture.ts';

const PASSWORD = 'secret of the clients';
const RANGES = ['0-4000', '4001-8191', '8192-16383'] as const;

// Two proxies: the first one has two servers, the second one has the third.
const servers: RedisServer[] = [];
const proxies: ProxyServer[] = [];
let client: RawClient;
let direct: RawClient[] = [];

beforeAll(async () => {
  for (const _ of RANGES) servers.push(await startRedis());
  for (let i = 0; i < 2; i++) {
    const proxy = createProxyServer({
      address: '127.0.0.1:0',
      plainAddress: '127.0.0.1:0',
      password: PASSWORD,
    });
    await proxy.listen();
    proxies.push(proxy);
  }
  const [a, b, c] = servers.map((server, i): [string, string] => [server.address, RANGES[i]!]);
  const [first, second] = proxies;
  await setCluster(first!, [a!, b!], { peers: [[second!.address, RANGES[2]]] });
  await setCluster(second!, [c!], { peers: [[first!.address, '0-8191']] });
  client = await RawClient.connect(first!.plainAddress ?? '');
  await client.command('AUTH', PASSWORD);
  direct = await Promise.all(servers.map(({ address }) => RawClient.connect(address)));
});

beforeEach(async () => {
  await Promise.all(direct.map((one) => one.command('FLUSHALL')));
});

afterAll(async () => {
  for (const proxy of proxies) proxy.destroy();
  await Promise.all(servers.map((server) => server.stop()));
});

const keys = Array.from({ length: 60 }, (_, i) => `key:${i}`);

function textOf(reply: RespValue): string {
  return 'value' in reply ? String(reply.value) : JSON.stringify(reply);
}

function textsOf(reply: RespValue): string[] {
  if (reply.type !== 'array') throw new Error(`no list: ${textOf(reply)}`);
  return reply.items.map(textOf);
}

test('commands on one key reach whichever server owns it, in order', async () => {
  const commands = keys.flatMap((key) => [
    ['SET', key, `value of ${key}`],
    ['GET', key],
  ]);
  const replies = await Promise.all(commands.map((words) => client.command(...words)));
  keys.forEach((key, i) => {
    expect(textOf(replies[2 * i]!)).toBe('OK');
    expect(textOf(replies[2 * i + 1]!)).toBe(`value of ${key}`);
  });
  for (const [i, one] of direct.entries()) {
    const [low, high] = RANGES[i]!.split('-').map(Number);
    const owned = keys.filter((key) => keySlotOf(key) >= low! && keySlotOf(key) <= high!);
    expect(textsOf(await one.command('KEYS', '*')).toSorted()).toEqual(owned.toSorted());
  }
});

test('MSET, MGET, EXISTS, TOUCH, DEL and UNLINK are split and merged', async () => {
  expect(textOf(await client.command('MSET', ...keys.flatMap((key) => [key, `v ${key}`])))).toBe(
    'OK',
  );
  const asked = [...keys.toReversed(), 'no such key', 'key:0'];
  const values = textsOf(await client.command('MGET', ...asked));
  expect(values.slice(0, 60)).toEqual(keys.toReversed().map((key) => `v ${key}`));
  expect(values.slice(61)).toEqual(['v key:0']);
  expect(textOf(await client.command('EXISTS', ...asked))).toBe('61');
  expect(textOf(await client.command('TOUCH', ...keys))).toBe('60');
  expect(textOf(await client.command('DBSIZE'))).toBe('60');
  expect(textOf(await client.command('DEL', ...keys.slice(0, 30), 'nothing'))).toBe('30');
  expect(textOf(await client.command('UNLINK', ...keys))).toBe('30');
  expect(textOf(await client.command('DBSIZE'))).toBe('0');
});

test('what cannot be split is refused, and so is what is wrong', async () => {
  expect(textOf(await client.command('MSETNX', 'key:1', 'a', 'key:2', 'b'))).toMatch(/^CROSSSLOT/);
  expect(textOf(await client.command('MSET', 'key:1', 'a', 'key:2'))).toBe(
    "ERR wrong number of arguments for 'mset' command",
  );
  await client.command('LPUSH', 'key:3', 'x');
  expect(textsOf(await client.command('MGET', 'key:3', 'key:4'))).toHaveLength(2);
  expect(textOf(await client.command('CLUSTER', 'SLOTS'))).toBe(
    'ERR This instance has cluster support disabled',
  );
  expect(textOf(await client.command('SELECT', '1'))).toBe('ERR DB index is out of range');
  const copied = await client.command('COPY', 'a', 'b', 'DB', '1');
  expect(textOf(copied)).toBe('ERR DB index is out of range');
});

test('pipelined commands around a split one keep their places', async () => {
  const replies = await Promise.all([
    client.command('SET', 'key:1', 'a'),
    client.command('MSET', 'key:1', 'b', 'key:2', 'c', 'key:3', 'd'),
    client.command('GET', 'key:1'),
    client.command('MGET', 'key:1', 'key:2', 'key:3'),
    client.command('SET', 'key:2', 'e'),
    client.command('DBSIZE'),
    client.command('GET', 'key:2'),
  ]);
  expect([0, 1, 2, 4, 5, 6].map((i) => textOf(replies[i]!))).toEqual('OK OK b OK 3 e'.split(' '));
  expect(textsOf(replies[3])).toEqual(['b', 'c', 'd']);
});

test('KEYS, RANDOMKEY, SCAN and FLUSHALL see all servers', async () => {
  await client.command('MSET', ...keys.flatMap((key) => [key, 'v']));
  expect(textsOf(await client.command('KEYS', 'key:*')).toSorted()).toEqual(keys.toSorted());
  const found = new Set<string>();
  let cursor = '0';
  let calls = 0;
  do {
    const reply = await client.command('SCAN', cursor, 'COUNT', '5');
    if (reply.type !== 'array') throw new Error(textOf(reply));
    cursor = textOf(reply.items[0]!);
    for (const key of textsOf(reply.items[1]!)) found.add(key);
    calls++;
  } while (cursor !== '0');
  expect([...found].toSorted()).toEqual(keys.toSorted());
  expect(calls).toBeGreaterThan(3);
  expect(textOf(await client.command('SCAN', 'x'))).toBe('ERR invalid cursor');
  for (let i = 0; i < 6; i++) expect(keys).toContain(textOf(await client.command('RANDOMKEY')));
  expect(textOf(await client.command('FLUSHALL'))).toBe('OK');
  expect(textOf(await client.command('DBSIZE'))).toBe('0');
  expect(textOf(await client.command('RANDOMKEY'))).toContain('null');
});

test('transactions and blocking commands reach the other proxy too', async () => {
  for (const key of ['key:1', 'key:2', 'key:3', 'key:4', 'key:5']) {
    const replies = await Promise.all([
      client.command('MULTI'),
      client.command('INCR', `n{${key}}`),
      client.command('INCR', `n{${key}}`),
      client.command('EXEC'),
    ]);
    expect(textsOf(replies[3])).toEqual(['1', '2']);
    const waiting = client.command('BLPOP', `list{${key}}`, '0');
    const other = await RawClient.connect(proxies[1]!.plainAddress ?? '');
    await other.command('AUTH', PASSWORD);
    await other.command('RPUSH', `list{${key}}`, 'element');
    expect(textsOf(await waiting)).toEqual([`list{${key}}`, 'element']);
    await other.close();
  }
});

test('the cluster port of the same proxy redirects and asks only its own servers', async () => {
  const clustered = await RawClient.connect(proxies[1]!.address);
  await clustered.command('AUTH', PASSWORD);
  await client.command('MSET', ...keys.flatMap((key) => [key, 'v']));
  const owned = keys.filter((key) => keySlotOf(key) > 8191);
  const foreign = keys.find((key) => keySlotOf(key) <= 8191) ?? '';
  expect(textOf(await clustered.command('DBSIZE'))).toBe(String(owned.length));
  expect(textsOf(await clustered.command('KEYS', '*')).toSorted()).toEqual(owned.toSorted());
  expect(textOf(await clustered.command('GET', foreign))).toMatch(/^MOVED/);
  await clustered.close();
});

test('stock clients for a single server', async () => {
  const [host = '', port = ''] = (proxies[1]!.plainAddress ?? '').split(':');
  const io = new Redis({ host, port: Number(port), password: PASSWORD });
  expect(await io.mset(Object.fromEntries(keys.map((key) => [key, key])))).toBe('OK');
  expect(await io.mget(keys)).toEqual(keys);
  const scanned: string[] = [];
  for await (const batch of io.scanStream({ count: 7 })) scanned.push(...(batch as string[]));
  expect(scanned.toSorted()).toEqual(keys.toSorted());
  await io.quit();
  const node = createClient({ url: `redis://${host}:${port}`, password: PASSWORD, RESP: 3 });
  await node.connect();
  expect(await node.mGet(keys)).toEqual(keys);
  expect(await node.del(keys)).toBe(keys.length);
  await node.close();
});

test('servers that cannot be reached, and slots that nobody serves, are an error for the whole command', async () => {
  const proxy = createProxyServer({ address: '127.0.0.1:0', plainAddress: '127.0.0.1:0' });
  await proxy.listen();
  await setCluster(proxy, [['127.0.0.1:1', '0-5000']], { roles: false });
  const one = await RawClient.connect(proxy.plainAddress ?? '');
  // The first attempt finds out, the later ones know; the commands behind it are answered once, in order.
  for (let attempt = 0; attempt < 3; attempt++) {
    const words = keys.flatMap((key) => [key, 'v']);
    const replies = await Promise.all([
      one.command('MSET', ...words),
      one.command('PING'),
      one.command('DBSIZE'),
      one.command('ECHO', `${attempt}`),
    ]);
    expect(textOf(replies[0])).toMatch(/^CLUSTERDOWN/);
    expect(textOf(replies[1])).toBe('PONG');
    expect(textOf(replies[2])).toMatch(/^CLUSTERDOWN .*127\.0\.0\.1:1/);
    expect(textOf(replies[3])).toBe(`${attempt}`);
  }
  proxy.destroy();
});

test('replies that are too large together are an error', async () => {
  const proxy = createProxyServer({
    address: '127.0.0.1:0',
    plainAddress: '127.0.0.1:0',
    outputBytesMax: 200_000,
  });
  await proxy.listen();
  const [first, second] = servers;
  await setCluster(proxy, [
    [first?.address ?? '', '0-8191'],
    [second?.address ?? '', '8192-16383'],
  ]);
  const one = await RawClient.connect(proxy.plainAddress ?? '');
  await one.command('MSET', ...keys.flatMap((key) => [key, 'v'.repeat(5000)]));
  expect(textOf(await one.command('MGET', ...keys))).toMatch(/larger than 200000 bytes/);
  expect(textsOf(await one.command('MGET', ...keys.slice(0, 10)))).toHaveLength(10);
  proxy.destroy();
});

test('active redirection serves the clients of the cluster port like that', async () => {
  const proxy = createProxyServer({
    address: '127.0.0.1:0',
    activeRedirection: true,
    password: PASSWORD,
  });
  await proxy.listen();
  await setCluster(proxy, [], {
    peers: [
      [proxies[0]!.address, '0-8191'],
      [proxies[1]!.address, '8192-16383'],
    ],
  });
  const one = await RawClient.connect(proxy.address);
  await one.command('AUTH', PASSWORD);
  expect(textOf(await one.command('MSET', 'key:1', 'a', 'key:2', 'b', 'key:3', 'c'))).toBe('OK');
  expect(textsOf(await client.command('MGET', 'key:1', 'key:2', 'key:3'))).toEqual(['a', 'b', 'c']);
  proxy.destroy();
});

test('where all proxies redirect actively, commands for all servers do not go around', async () => {
  const redis = await Promise.all([startRedis(), startRedis()]);
  const both = redis.map(() =>
    createProxyServer({
      address: '127.0.0.1:0',
      plainAddress: '127.0.0.1:0',
      activeRedirection: true,
      backendTimeoutMs: 1000,
    }),
  );
  for (const proxy of both) await proxy.listen();
  const halves = ['0-8191', '8192-16383'] as const;
  for (const [i, proxy] of both.entries()) {
    await setCluster(proxy, [[redis[i]!.address, halves[i]!]], {
      peers: [[both[1 - i]!.address, halves[1 - i]!]],
    });
  }
  const [first] = both;
  const own = await RawClient.connect(first!.address);
  const plain = await RawClient.connect(first!.plainAddress ?? '');
  for (const key of keys) await own.command('SET', key, 'v');
  const here = keys.filter((key) => keySlotOf(key) < 8192).toSorted();
  expect(textOf(await own.command('DBSIZE'))).toBe(String(here.length));
  expect(textsOf(await own.command('KEYS', '*')).toSorted()).toEqual(here);
  expect(textOf(await plain.command('DBSIZE'))).toBe(String(keys.length));
  for (const [asker, expected] of [
    [own, here],
    [plain, keys.toSorted()],
  ] as const) {
    const found: string[] = [];
    let cursor = '0';
    do {
      const reply = await asker.command('SCAN', cursor, 'COUNT', '7');
      if (reply.type !== 'array') throw new Error('no list');
      cursor = textOf(reply.items[0]!);
      found.push(...textsOf(reply.items[1]!));
    } while (cursor !== '0');
    expect(found.toSorted()).toEqual(expected);
  }
  expect(textOf(await plain.command('FLUSHALL'))).toBe('OK');
  expect(textOf(await plain.command('DBSIZE'))).toBe('0');
  for (const proxy of both) proxy.destroy();
  await Promise.all(redis.map((server) => server.stop()));
});
