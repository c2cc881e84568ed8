// Commands over several slots on the cluster port, where the cluster's configuration allows it.
import { keySlotOf } from '@undermoon/slots';
import { freePorts, RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { Cluster } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../src/index.ts';
import { setCluster } from './fixture.ts';
import { wordOf, wordsOf } from './plain-fixture.ts';

const PASSWORD = 'secret of the clients';
const RANGES = ['0-4000', '4001-8191', '8192-16383'] as const;
const ON = [['split_commands', 'true']] as const;

// The first proxy has two of the servers, the second one has the third.
let servers: RedisServer[] = [];
let proxies: ProxyServer[] = [];
let epoch = 1;
const clients: RawClient[] = [];

const keys = Array.from({ length: 60 }, (_, i) => `key:${i}`);
const foreign = keys.filter((key) => keySlotOf(key) > 8191);
const pairs = keys.flatMap((key) => [key, `value of ${key}`]);
const values = keys.map((key) => `value of ${key}`);

beforeAll(async () => {
  servers = await Promise.all(RANGES.map(() => startRedis()));
});

beforeEach(async () => {
  for (const [i, server] of servers.entries()) {
    if (server.isRunning) continue;
    servers[i] = await startRedis();
  }
  for (const server of servers) {
    await using direct = await RawClient.connect(server.address);
    await direct.command('FLUSHALL');
  }
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const proxy of proxies.splice(0)) proxy.destroy();
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
});

type Config = readonly (readonly [field: string, value: string])[];

async function open(config: Config, options: ProxyServerOptions = {}): Promise<void> {
  epoch = 1;
  // One is started again where it was.
  proxies = (await freePorts(2)).map((port) =>
    createProxyServer({
      address: `127.0.0.1:${port}`,
      spreadClients: 'at-once',
      outputBytesMax: 1_000_000,
      ...options,
    }),
  );
  await Promise.all(proxies.map((proxy) => proxy.listen()));
  await configure(config);
}

async function configure(config: Config): Promise<void> {
  epoch++;
  const [first, second] = proxies as [ProxyServer, ProxyServer];
  const [a, b, c] = servers.map(({ address }, i): [string, string] => [address, RANGES[i] ?? '']);
  await setCluster(first, [a!, b!], { peers: [[second.address, RANGES[2]]], epoch, config });
  await setCluster(second, [c!], { peers: [[first.address, '0-8191']], epoch, config });
}

async function connect(index = 0): Promise<RawClient> {
  const client = await RawClient.connect(proxies[index]?.address ?? '');
  clients.push(client);
  return client;
}

describe.each([1, 2])('%i event loops', (threads) => {
  test('the setting is switched on and off for clients that are connected', async () => {
    await open([], { threads });
    const several = await Promise.all([connect(), connect(), connect(1)]);
    for (const isOn of [false, true, false, true]) {
      await configure(isOn ? ON : []);
      for (const client of several) {
        const stored = wordOf(await client.command('MSET', ...pairs));
        if (!isOn) {
          expect(stored).toMatch(/^CROSSSLOT/);
          continue;
        }
        expect(stored).toBe('OK');
        expect(wordsOf(await client.command('MGET', ...keys))).toEqual(values);
      }
    }
  });

  test('all six commands are split and merged, and what is around them keeps its place', async () => {
    await open(ON, { threads });
    const client = await connect();
    const replies = await Promise.all([
      client.command('MSET', ...pairs),
      client.command('PING'),
      client.command('EXISTS', ...keys, 'nothing'),
      client.command('TOUCH', ...keys),
      client.command('DEL', ...keys.slice(0, 30)),
      client.command('ECHO', 'x'),
      client.command('UNLINK', ...keys),
      client.command('MSET', 'key:1', 'a', 'key:2'),
    ]);
    expect(replies.slice(0, 7).map(wordOf)).toEqual('OK PONG 60 60 30 x 30'.split(' '));
    expect(wordOf(replies[7])).toBe("ERR wrong number of arguments for 'mset' command");
  });
});

test('cluster clients use it, and nothing else changes for them', async () => {
  await open(ON, { password: PASSWORD });
  const [host = '', port = ''] = (proxies[0]?.address ?? '').split(':');
  const cluster = new Cluster([{ host, port: Number(port) }], {
    redisOptions: { password: PASSWORD },
  });
  expect(await cluster.call('MSET', ...pairs)).toBe('OK');
  expect(await cluster.call('MGET', ...keys)).toEqual(values);
  expect(await cluster.get(foreign[0] ?? '')).toBe(`value of ${foreign[0]}`);
  expect(await cluster.call('DEL', ...keys)).toBe(60);
  await cluster.quit();

  const client = await connect();
  await client.command('AUTH', PASSWORD);
  const [one = '', two = ''] = foreign;
  const [own = '', other = ''] = keys.filter((key) => keySlotOf(key) < 8192);
  expect(wordOf(await client.command('GET', one))).toMatch(/^MOVED/);
  expect(wordOf(await client.command('MGET', `{${one}}1`, `{${one}}2`))).toMatch(/^MOVED/);
  expect(wordOf(await client.command('MSETNX', own, '1', two, '2'))).toMatch(/^CROSSSLOT/);
  expect(wordOf(await client.command('RENAME', own, two))).toMatch(/^CROSSSLOT/);
  expect(wordOf(await client.command('DBSIZE'))).toBe('0');
  await client.command('MULTI');
  expect(wordOf(await client.command('MGET', own, other))).toMatch(/^CROSSSLOT/);
  expect(wordOf(await client.command('EXEC'))).toMatch(/^EXECABORT/);
});

test('a transaction, a subscriber and a pause are respected', async () => {
  await open(ON);
  const client = await connect();
  const other = await connect();
  await other.command('CLIENT', 'PAUSE', '60000', 'WRITE');
  const stored = client.command('MSET', ...pairs);
  expect(wordOf(await other.command('EXISTS', ...keys))).toBe('0');
  await other.command('CLIENT', 'UNPAUSE');
  expect(wordOf(await stored)).toBe('OK');
  expect(wordsOf(await other.command('MGET', ...keys))).toEqual(values);
  await other.command('SUBSCRIBE', 'news');
  expect(wordOf(await other.command('MGET', ...keys))).toMatch(/^CROSSSLOT/);
});

test('READONLY clients read the parts from masters', async () => {
  await open(ON);
  const client = await connect(1);
  expect(wordOf(await client.command('READONLY'))).toBe('OK');
  expect(wordOf(await client.command('MSET', ...pairs))).toBe('OK');
  expect(wordsOf(await client.command('MGET', ...keys))).toEqual(values);
});

test('values are compressed once, by the proxy that stores them', async () => {
  await open([...ON, ['compression_strategy', 'set_get_only']]);
  const long = keys.flatMap((key) => [key, key.repeat(50)]);
  const [first, second] = [await connect(), await connect(1)];
  expect(wordOf(await first.command('MSET', ...long))).toBe('OK');
  for (const client of [first, second]) {
    expect(wordsOf(await client.command('MGET', ...keys))).toEqual(keys.map((k) => k.repeat(50)));
  }
  for (const key of foreign) {
    expect(wordOf(await second.command('GET', key))).toBe(key.repeat(50));
  }
  for (const { address } of servers) {
    await using direct = await RawClient.connect(address);
    for (const key of wordsOf(await direct.command('KEYS', '*'))) {
      expect(Number(wordOf(await direct.command('STRLEN', key)))).toBeLessThan(100);
    }
  }
});

test('a proxy that has moved on redirects a part, and the client does not see it', async () => {
  await open(ON);
  const [first, second] = proxies as [ProxyServer, ProxyServer];
  const client = await connect();
  await client.command('MSET', ...pairs);
  // The second proxy says that the first one has everything, before the first one knows.
  await setCluster(second, [], { peers: [[first.address, '0-16383']], epoch: ++epoch, config: ON });
  const read = client.command('MGET', ...keys);
  const [a, b, c] = servers.map(({ address }, i): [string, string] => [address, RANGES[i] ?? '']);
  await setCluster(first, [a!, b!, c!], { epoch: ++epoch, config: ON });
  expect(wordsOf(await read)).toEqual(values);
});

test('a part waits for another proxy that is just not there', async () => {
  await open(ON, { backendWaitMs: 60_000, backendRetryDelayMs: 20 });
  const client = await connect();
  const [first, second] = proxies as [ProxyServer, ProxyServer];
  await client.command('MSET', ...pairs);
  second.destroy();
  const replies = [client.command('MGET', ...keys), client.command('PING')];
  const again = createProxyServer({ address: second.address });
  await again.listen();
  proxies[1] = again;
  await setCluster(again, [[servers[2]?.address ?? '', RANGES[2]]], {
    peers: [[first.address, '0-8191']],
    epoch,
    config: ON,
  });
  // Metadata again: what waits is routed anew.
  await setCluster(
    first,
    [0, 1].map((i) => [servers[i]?.address ?? '', RANGES[i] ?? '']),
    { peers: [[again.address, RANGES[2]]], epoch: ++epoch, config: ON },
  );
  const [read, pong] = await Promise.all(replies);
  expect(wordsOf(read)).toEqual(values);
  expect(wordOf(pong)).toBe('PONG');
});

test('keys of other proxies are tracked when parts of commands read them', async () => {
  await open(ON);
  const client = await connect();
  const [key = ''] = foreign;
  await client.command('HELLO', '3');
  await client.command('CLIENT', 'TRACKING', 'ON');
  await client.command('MSET', ...pairs);
  await client.command('MGET', ...keys);
  // New metadata in which every slot stays where it is.
  await configure(ON);
  const pushed = client.reply();
  const other = await connect(1);
  await other.command('SET', key, 'new');
  const push = await pushed;
  expect(push.type === 'push' ? wordsOf(push.items[1]) : push).toEqual([key]);
});

test('a part that fails is an error for the whole command', async () => {
  await open(ON, { backendWaitMs: 0 });
  const client = await connect();
  await client.command('MSET', ...pairs);
  await servers[2]?.stop();
  expect(wordOf(await client.command('MGET', ...keys))).toMatch(/^(CLUSTERDOWN|ERR|LOADING)/);
  expect(wordOf(await client.command('PING'))).toBe('PONG');
  proxies[1]?.destroy();
  for (let i = 0; i < 3; i++) {
    expect(wordOf(await client.command('MGET', ...keys))).toMatch(/^(CLUSTERDOWN|ERR)/);
    expect(wordOf(await client.command('GET', foreign[0] ?? ''))).toMatch(/^MOVED/);
  }
  expect(wordsOf(await client.command('MGET', ...keys.filter((k) => keySlotOf(k) < 8192)))).toEqual(
    keys.filter((key) => keySlotOf(key) < 8192).map((key) => `value of ${key}`),
  );
});

test('replies that are too large together are an error', async () => {
  await open(ON, { outputBytesMax: 200_000 });
  const client = await connect();
  await client.command('MSET', ...keys.flatMap((key) => [key, 'v'.repeat(5000)]));
  expect(wordOf(await client.command('MGET', ...keys))).toMatch(/larger than 200000 bytes/);
});
