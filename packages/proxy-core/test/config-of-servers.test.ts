// CONFIG GET and CONFIG SET of parameters that the Redis servers have.
import { RawClient } from '@undermoon/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ALL_SLOTS, startFixture } from './fixture.ts';
import { type PlainPair, startPlainPair, wordOf, wordsOf } from './plain-fixture.ts';

const NAME = 'notify-keyspace-events';
const ALONE = `ERR CONFIG SET failed (possibly related to argument '${NAME}') - it is set on the Redis servers: give it without parameters of the proxy, and outside of MULTI`;

let pair: PlainPair;
let servers: readonly RawClient[];
let clustered: RawClient;
let plain: RawClient;

beforeAll(async () => {
  pair = await startPlainPair();
  servers = await Promise.all(pair.redis.map(({ address }) => RawClient.connect(address)));
  clustered = await RawClient.connect(pair.proxies[0]!.address);
  plain = await pair.connect();
});

afterEach(async () => {
  for (const server of servers) await server.command('CONFIG', 'SET', NAME, '');
});

afterAll(async () => {
  await Promise.all([...servers, clustered, plain].map((client) => client.close()));
  await pair.stop();
});

async function flags(): Promise<(string | undefined)[]> {
  const replies = await Promise.all(servers.map((server) => server.command('CONFIG', 'GET', NAME)));
  return replies.map((reply) => wordsOf(reply)[1]);
}

test('on the cluster port: the servers of the proxy', async () => {
  expect(wordOf(await clustered.command('config', 'set', NAME.toUpperCase(), 'KEA'))).toBe('OK');
  expect(await flags()).toEqual(['AKE', '']);
  expect(wordsOf(await clustered.command('CONFIG', 'GET', NAME))).toEqual([NAME, 'AKE']);
});

test('on the plain port: all servers, and subscribers hear of keys', async () => {
  expect(wordOf(await plain.command('CONFIG', 'SET', NAME, 'KEA'))).toBe('OK');
  expect(await flags()).toEqual(['AKE', 'AKE']);
  expect(wordsOf(await plain.command('CONFIG', 'GET', NAME))).toEqual([NAME, 'AKE']);
  await using subscriber = await pair.connect(1);
  await subscriber.command('SUBSCRIBE', '__keyevent@0__:set');
  for (const key of ['key:1', 'key:2']) {
    await plain.command('SET', key, 'v');
    expect(wordsOf(await subscriber.reply())).toEqual(['message', '__keyevent@0__:set', key]);
  }
});

test('CONFIG GET has values of the proxy and of its first server', async () => {
  await servers[0]!.command('CONFIG', 'SET', 'busy-reply-threshold', '7000');
  for (const client of [clustered, plain]) {
    const all = wordsOf(await client.command('CONFIG', 'GET', '*'));
    expect(all[all.indexOf('busy-reply-threshold') + 1]).toBe('7000');
    expect(all).toContain('backend_timeout');
    const some = wordsOf(await client.command('CONFIG', 'GET', 'LUA-TIME-LIMIT', 'maxmemory'));
    expect(some).toEqual(['LUA-TIME-LIMIT', '7000', 'maxmemory', '0']);
  }
  await using client = await RawClient.connect(pair.proxies[0]!.address);
  await client.command('HELLO', '3');
  expect(await client.command('CONFIG', 'GET', 'busy-reply-*')).toMatchObject({
    type: 'map',
    entries: [[{ value: Buffer.from('busy-reply-threshold') }, { value: Buffer.from('7000') }]],
  });
});

test('what is refused', async () => {
  expect(wordOf(await plain.command('CONFIG', 'SET', NAME, '?'))).toMatch(/^ERR CONFIG SET failed/);
  const twice = ['CONFIG', 'SET', NAME, 'KEA', 'timeout', '0'];
  expect(wordOf(await plain.command(...twice))).toBe(ALONE);
  await plain.command('MULTI');
  await plain.command('CONFIG', 'SET', NAME, 'KEA');
  expect(wordsOf(await plain.command('EXEC'))).toEqual([ALONE]);
  expect(await flags()).toEqual(['', '']);
});

test('all servers behind one proxy, from any loop, in the order of the commands', async () => {
  const fixture = await startFixture(['0-8191', '8192-16383'], { threads: 2 });
  const clients = await Promise.all([1, 2, 3, 4].map(() => fixture.connect()));
  const direct = await Promise.all(fixture.redis.map(({ address }) => RawClient.connect(address)));
  for (const [i, client] of clients.entries()) {
    const letter = 'gxed'[i]!;
    const [set, get, echo] = await Promise.all([
      client.command('CONFIG', 'SET', NAME, `K${letter}`),
      client.command('CONFIG', 'GET', NAME),
      client.command('ECHO', 'after'),
    ]);
    expect([wordOf(set), ...wordsOf(get), wordOf(echo)]).toEqual([
      'OK',
      NAME,
      `${letter}K`,
      'after',
    ]);
    for (const server of direct) {
      expect(wordsOf(await server.command('CONFIG', 'GET', NAME))[1]).toBe(`${letter}K`);
    }
  }
  await Promise.all([...clients, ...direct].map((client) => client.close()));
  await fixture.stop();
});

test('without a server that answers there is no value, and a change is an error', async () => {
  const fixture = await startFixture([ALL_SLOTS], { backendWaitMs: 0 });
  await using client = await fixture.connect();
  expect(wordsOf(await client.command('CONFIG', 'GET', NAME))).toEqual([NAME, '']);
  await fixture.redis[0]!.stop();
  expect(wordsOf(await client.command('CONFIG', 'GET', NAME, 'databases'))).toEqual([
    'databases',
    '1',
  ]);
  expect(await client.command('CONFIG', 'SET', NAME, 'KEA')).toMatchObject({ type: 'error' });
  await fixture.stop();
});

test('memory and files of the servers: several at once, in a transaction, and in INFO', async () => {
  const lines: readonly (readonly string[])[] = [
    ['maxmemory', '100mb', 'MAXMEMORY_policy', 'allkeys-lru'],
    ['save', '3600 1 300 100'],
    ['appendfsync', 'always'],
  ];
  for (const words of lines) {
    expect(wordOf(await plain.command('CONFIG', 'SET', ...words))).toBe('OK');
  }
  const wanted = ['maxmemory', '104857600', 'maxmemory-policy', 'allkeys-lru'];
  for (const client of [...servers, plain, clustered]) {
    const memory = await client.command('CONFIG', 'GET', 'maxmemory', 'maxmemory-policy');
    expect(wordsOf(memory).toSorted()).toEqual(wanted.toSorted());
    expect(
      wordsOf(await client.command('CONFIG', 'GET', 'save', 'appendfsync')).toSorted(),
    ).toEqual(['3600 1 300 100', 'always', 'appendfsync', 'save']);
    for (const more of [[], ['-25'], ['no:name', 'appendonly']]) {
      await client.command('MULTI');
      await client.command('CONFIG', 'GET', 'maxmemory-policy', ...more);
      expect(JSON.stringify(await client.command('EXEC'))).toContain(
        JSON.stringify(Buffer.from('allkeys-lru')),
      );
    }
  }
  const faulty = ['maxmemory', '1', 'maxmemory-policy', 'nosuch'];
  expect(wordOf(await plain.command('CONFIG', 'SET', ...faulty))).toBe(
    wordOf(await servers[0]!.command('CONFIG', 'SET', ...faulty)),
  );
  const whole = wordOf(await plain.command('INFO'));
  expect(whole).toContain(
    'maxmemory:209715200\r\nmaxmemory_human:200.00M\r\nmaxmemory_policy:allkeys-lru',
  );
  const part = wordOf(await clustered.command('INFO', 'memory'));
  expect(part).toContain(
    'maxmemory:104857600\r\nmaxmemory_human:100.00M\r\nmaxmemory_policy:allkeys-lru',
  );
  expect(wordOf(await clustered.command('INFO'))).not.toContain('maxmemory');
  expect(wordOf(await clustered.command('INFO', 'all'))).toContain('maxmemory_policy:allkeys-lru');
  for (const words of [
    ['maxmemory', '0', 'maxmemory-policy', 'noeviction'],
    ['save', ''],
    ['appendfsync', 'everysec'],
  ]) {
    await plain.command('CONFIG', 'SET', ...words);
  }
});
