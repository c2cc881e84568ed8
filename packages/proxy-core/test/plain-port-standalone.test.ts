import { RawClient } from '@undermoon/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PlainPair, startPlainPair, wordOf, wordsOf } from './plain-fixture.ts';

let pair: PlainPair;
let client: RawClient;
let clustered: RawClient;

beforeAll(async () => {
  pair = await startPlainPair();
  client = await pair.connect();
  clustered = await RawClient.connect(pair.proxies[0]?.address ?? '');
});

afterAll(async () => {
  await client.close();
  await clustered.close();
  await pair.stop();
});

async function section(from: RawClient, name: string): Promise<Map<string, string>> {
  const text = wordOf(await from.command('INFO', name));
  const pairs = text.split('\r\n').flatMap((line) => {
    const [key = '', value] = line.split(':');
    return value === undefined ? [] : [[key, value] as const];
  });
  return new Map(pairs);
}

test('INFO, CONFIG and HELLO are those of a server without cluster mode', async () => {
  expect((await section(client, 'server')).get('redis_mode')).toBe('standalone');
  expect((await section(client, 'cluster')).get('cluster_enabled')).toBe('0');
  expect(wordsOf(await client.command('CONFIG', 'GET', 'cluster-enabled'))).toEqual([
    'cluster-enabled',
    'no',
  ]);
  expect(wordsOf(await client.command('HELLO', '2'))).toContain('standalone');
  expect(wordOf(await client.command('SELECT', '0'))).toBe('OK');
  expect((await section(clustered, 'server')).get('redis_mode')).toBe('cluster');
  expect((await section(clustered, 'cluster')).get('cluster_enabled')).toBe('1');
  expect(wordsOf(await clustered.command('CONFIG', 'GET', 'cluster-enabled'))).toContain('yes');
});

test('CONFIG SET and CONFIG RESETSTAT do what they do on the cluster port', async () => {
  expect(wordOf(await client.command('CONFIG', 'SET', 'cluster-enabled', 'yes'))).toBe(
    "ERR CONFIG SET failed (possibly related to argument 'cluster-enabled') - can't set immutable config",
  );
  expect(wordOf(await client.command('CONFIG', 'RESETSTAT'))).toBe('OK');
  expect(Number((await section(client, 'stats')).get('total_commands_processed'))).toBeLessThan(5);
});

test('CLIENT INFO names the plain port', async () => {
  const line = wordOf(await client.command('CLIENT', 'INFO'));
  expect(line).toContain(`laddr=${pair.proxies[0]?.plainAddress ?? '?'}`);
});

test('the keys in INFO are those of all servers; on the cluster port those beside the proxy', async () => {
  const keys = Array.from({ length: 40 }, (_, i) => `key:${i}`);
  expect((await section(client, 'keyspace')).size).toBe(0);
  await client.command('MSET', ...keys.flatMap((key) => [key, 'v']));
  for (const key of keys.slice(0, 10)) await client.command('EXPIRE', key, '1000');
  for (const name of ['keyspace', 'everything', 'ALL', 'default']) {
    const line = (await section(client, name)).get('db0') ?? '';
    expect(line).toMatch(/^keys=40,expires=10,avg_ttl=\d+$/);
  }
  expect(wordOf(await client.command('INFO'))).toContain('db0:keys=40,expires=10');
  const both = await Promise.all(
    pair.proxies.map(async ({ address }) => {
      await using one = await RawClient.connect(address);
      const [, count] = /keys=(\d+)/.exec((await section(one, 'keyspace')).get('db0') ?? '') ?? [];
      return Number(count);
    }),
  );
  expect(Math.min(...both)).toBeGreaterThan(0);
  expect(both[0]! + both[1]!).toBe(40);
  expect((await section(clustered, 'default')).has('db0')).toBe(false);
});

test('replies around INFO keep their places, in RESP3 too', async () => {
  const one = await pair.connect(1);
  await one.command('HELLO', '3');
  const replies = await Promise.all([
    one.command('SET', 'a', '1'),
    one.command('INFO', 'keyspace'),
    one.command('GET', 'a'),
  ]);
  expect(wordOf(replies[0])).toBe('OK');
  expect(replies[1]).toMatchObject({ type: 'verbatim' });
  expect(wordOf(replies[2])).toBe('1');
  await one.close();
});

test('servers that cannot be reached do not keep INFO from answering', async () => {
  const other = await startPlainPair();
  const one = await other.connect();
  await one.command('SET', 'b', '1');
  await other.redis[0]?.stop();
  other.proxies[1]?.destroy();
  for (let attempt = 0; attempt < 3; attempt++) {
    expect(wordOf(await one.command('INFO'))).toContain('redis_mode:standalone');
  }
  await one.close();
  await other.stop();
});
