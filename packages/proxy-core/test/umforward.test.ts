import { keySlotOf } from '@undermoon/slots';
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProxyServer, type ProxyServer } from '../src/index.ts';
import { setCluster } from './fixture.ts';
import { HALVES, wordOf, wordsOf } from './plain-fixture.ts';

const names = Array.from({ length: 50 }, (_, i) => `key:${i}`);
const low = names.find((name) => keySlotOf(name) <= 8191) ?? '';
const high = names.find((name) => keySlotOf(name) > 8191) ?? '';

// The first proxy is one with active redirection, the second one redirects clients.
let servers: RedisServer[] = [];
let proxies: ProxyServer[] = [];
let active: RawClient;
let redirecting: RawClient;

beforeAll(async () => {
  servers = await Promise.all(HALVES.map(() => startRedis()));
  proxies = HALVES.map((_, i) =>
    createProxyServer({ address: '127.0.0.1:0', activeRedirection: i === 0 }),
  );
  await Promise.all(proxies.map((proxy) => proxy.listen()));
  await introduce(0, 1);
  await introduce(1, 1);
  active = await RawClient.connect(proxies[0]?.address ?? '');
  redirecting = await RawClient.connect(proxies[1]?.address ?? '');
});

afterAll(async () => {
  await active.close();
  await redirecting.close();
  for (const proxy of proxies) proxy.destroy();
  await Promise.all(servers.map((server) => server.stop()));
});

async function introduce(i: number, epoch: number): Promise<void> {
  const peers = [[proxies[1 - i]?.address ?? '', HALVES[1 - i] ?? '']] as const;
  await setCluster(proxies[i]!, [[servers[i]?.address ?? '', HALVES[i] ?? '']], { peers, epoch });
}

test('commands of this proxy are carried out, with and without redirections left', async () => {
  expect(wordOf(await active.command('UMFORWARD', '3', 'SET', low, 'a'))).toBe('OK');
  expect(wordOf(await active.command('umforward', '0', 'get', low))).toBe('a');
  expect(wordOf(await redirecting.command('UMFORWARD', '0', 'SET', high, 'b'))).toBe('OK');
  expect(wordsOf(await redirecting.command('UMFORWARD', '1', 'MGET', high, high))).toEqual([
    'b',
    'b',
  ]);
});

test('those of another proxy are passed on with one redirection less, or redirected', async () => {
  expect(wordOf(await active.command('UMFORWARD', '1', 'SET', high, 'c'))).toBe('OK');
  expect(wordOf(await redirecting.command('GET', high))).toBe('c');
  expect(wordOf(await active.command('UMFORWARD', '0', 'SET', high, 'd'))).toBe(
    'ERR_TOO_MANY_REDIRECTIONS',
  );
  expect(wordOf(await redirecting.command('GET', high))).toBe('c');
  expect(wordOf(await redirecting.command('UMFORWARD', '5', 'GET', low))).toBe(
    `MOVED ${keySlotOf(low)} ${proxies[0]?.address}`,
  );
});

test('so are the parts of a command with keys of several', async () => {
  const MGET = ['MGET', low, high];
  await active.command('MSET', low, 'l', high, 'h');
  expect(wordsOf(await active.command('UMFORWARD', '1', ...MGET))).toEqual(['l', 'h']);
  expect(wordOf(await active.command('UMFORWARD', '0', ...MGET))).toBe('ERR_TOO_MANY_REDIRECTIONS');
  expect(wordsOf(await active.command('UMFORWARD', '0', 'MGET', low, low))).toEqual(['l', 'l']);
  expect(wordOf(await active.command('UMFORWARD', '1', 'MSET', low, 'm', high, 'i'))).toBe('OK');
  expect(wordsOf(await active.command(...MGET))).toEqual(['m', 'i']);
  expect(wordOf(await redirecting.command('UMFORWARD', '1', ...MGET))).toMatch(/^CROSSSLOT/);
});

test('one that is passed on waits for the end of a pause, and keeps its limit', async () => {
  await using other = await RawClient.connect(proxies[0]?.address ?? '');
  await other.command('CLIENT', 'PAUSE', '100000', 'WRITE');
  const held = Promise.all([
    active.command('UMFORWARD', '0', 'SET', high, 'x'),
    active.command('UMFORWARD', '1', 'SET', high, 'y'),
  ]);
  expect(wordOf(await other.command('CLIENT', 'UNPAUSE'))).toBe('OK');
  expect((await held).map(wordOf)).toEqual(['ERR_TOO_MANY_REDIRECTIONS', 'OK']);
});

test('proxies that disagree send a command around no more often than it allows', async () => {
  const both = [0, 1].map(() =>
    createProxyServer({ address: '127.0.0.1:0', activeRedirection: true }),
  );
  await Promise.all(both.map((proxy) => proxy.listen()));
  for (const [i, proxy] of both.entries()) {
    await setCluster(proxy, [], { peers: [[both[1 - i]?.address ?? '', '0-16383']] });
  }
  await using client = await RawClient.connect(both[0]?.address ?? '');
  const replies = await Promise.all([
    client.command('UMFORWARD', '4', 'GET', low),
    client.command('UMFORWARD', '3', 'GET', high),
    client.command('UMFORWARD', '3', 'MGET', low, high),
    client.command('PING'),
  ]);
  expect(replies.map(wordOf)).toEqual([
    'ERR_TOO_MANY_REDIRECTIONS',
    'ERR_TOO_MANY_REDIRECTIONS',
    'ERR_TOO_MANY_REDIRECTIONS',
    'PONG',
  ]);
  for (const proxy of both) proxy.destroy();
});

test.each([
  [['UMFORWARD'], 'Missing sub command'],
  [['UMFORWARD', Buffer.from([0xff])], 'Invalid sub command'],
  [['UMFORWARD', 'x', 'GET', 'a'], 'invalid redirection times'],
  [['UMFORWARD', '-1', 'GET', 'a'], 'invalid redirection times'],
  [['UMFORWARD', '1'], 'missing forwarded command'],
  [['UMFORWARD', '1', 'GET'], "ERR wrong number of arguments for 'get' command"],
  [
    ['UMFORWARD', '1', 'UMCTL', 'SHUTDOWN'],
    'ERR UMFORWARD is for commands on keys, outside of transactions',
  ],
  [
    ['UMFORWARD', '1', 'NOSUCH', 'a'],
    'ERR UMFORWARD is for commands on keys, outside of transactions',
  ],
])('%j is refused', async (words, error) => {
  expect(wordOf(await active.command(...words))).toBe(error);
});

test('the password is asked for, also for what another proxy passes on', async () => {
  const proxy = createProxyServer({ address: '127.0.0.1:0', password: 'secret' });
  await proxy.listen();
  await using client = await RawClient.connect(proxy.address);
  expect(wordOf(await client.command('UMFORWARD', '1', 'GET', 'a'))).toMatch(/^NOAUTH/);
  proxy.destroy();
});
