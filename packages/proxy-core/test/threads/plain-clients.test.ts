// What plain clients can do, on both event loops of two proxies.
import { encodeCommand, type RespValue } from '@undermoon/resp';
import type { RawClient } from '@undermoon/testkit';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type PlainPair, startPlainPair, wordOf, wordsOf } from '../plain-fixture.ts';

/** Of each proxy. */
const CLIENTS = 4;
const keys = Array.from({ length: 40 }, (_, i) => `key:${i}`);
const pairs = keys.flatMap((key) => [key, `value of ${key}`]);

let pair: PlainPair;
/** Those of the first proxy, then those of the second one. */
let clients: RawClient[] = [];

beforeAll(async () => {
  pair = await startPlainPair({ threads: 2, spreadClients: 'at-once' });
  // From here on the proxies have connections to each other.
  clients = await Promise.all([0, 1].map((i) => pair.connect(i)));
  for (const client of clients) await client.command('MSET', ...pairs);
  await closeAll();
});

beforeEach(async () => {
  for (let i = 0; i < 2 * CLIENTS; i++) {
    const client = await pair.connect(i < CLIENTS ? 0 : 1);
    await client.command('PING');
    clients.push(client);
  }
  await clients[0]?.command('FLUSHALL');
});

afterEach(closeAll);
afterAll(() => pair.stop());

async function closeAll(): Promise<void> {
  await Promise.all(clients.splice(0).map((client) => client.close()));
}

async function ask(client: RawClient | undefined, line: string): Promise<string> {
  if (client === undefined) throw new Error('there is no such client');
  return wordOf(await client.command(...line.split(' ')));
}

/** The clients of a proxy. */
function of(proxy: number): readonly RawClient[] {
  return clients.slice(proxy * CLIENTS, (proxy + 1) * CLIENTS);
}

test('new clients go to the loop with the fewest', async () => {
  for (const proxy of [0, 1]) {
    const info = await ask(of(proxy)[0], 'INFO');
    const counts = [...info.matchAll(/loop\d:clients=(\d+)/g)].map(([, count]) => Number(count));
    expect(counts).toHaveLength(2);
    // The connections of the other proxy are among them.
    expect(Math.abs((counts[0] ?? 0) - (counts[1] ?? 0))).toBeLessThan(4);
    for (const count of counts) expect(count).toBeGreaterThan(1);
    expect(info).toContain('redis_mode:standalone');
  }
});

test('split commands, and those for all servers', async () => {
  for (const client of clients) {
    expect(wordOf(await client.command('MSET', ...pairs))).toBe('OK');
    expect(wordsOf(await client.command('MGET', ...keys))).toEqual(
      keys.map((key) => `value of ${key}`),
    );
    expect(await ask(client, 'DBSIZE')).toBe('40');
    expect(wordsOf(await client.command('KEYS', '*')).toSorted()).toEqual(keys.toSorted());
    expect(await scanned(client)).toEqual(keys.toSorted());
    expect(await ask(client, 'INFO keyspace')).toContain('db0:keys=40,');
    expect(wordOf(await client.command('DEL', ...keys))).toBe('40');
  }
});

async function scanned(client: RawClient): Promise<string[]> {
  const found = new Set<string>();
  let cursor = '0';
  do {
    const reply: RespValue = await client.command('SCAN', cursor, 'COUNT', '5');
    if (reply.type !== 'array') throw new Error(wordOf(reply));
    cursor = wordOf(reply.items[0]);
    for (const key of wordsOf(reply.items[1])) found.add(key);
  } while (cursor !== '0');
  return [...found].toSorted();
}

test('a scan goes on at a client of another loop', async () => {
  await clients[0]?.command('MSET', ...pairs);
  const found = new Set<string>();
  let cursor = '0';
  let calls = 0;
  do {
    const reply = await of(0)[calls++ % CLIENTS]!.command('SCAN', cursor, 'COUNT', '3');
    if (reply.type !== 'array') throw new Error(wordOf(reply));
    cursor = wordOf(reply.items[0]);
    for (const key of wordsOf(reply.items[1])) found.add(key);
  } while (cursor !== '0');
  expect(calls).toBeGreaterThan(4);
  expect([...found].toSorted()).toEqual(keys.toSorted());
});

test('transactions, with watched keys too', async () => {
  for (const [i, client] of clients.entries()) {
    const other = clients[(i + 1) % clients.length];
    for (const key of keys.slice(0, 6)) {
      expect(await ask(client, `WATCH n{${key}}`)).toBe('OK');
      expect(await ask(client, 'MULTI')).toBe('OK');
      expect(await ask(client, `INCR n{${key}}`)).toBe('QUEUED');
      expect(wordsOf(await client.command('EXEC'))).toEqual([`${2 * i + 1}`]);
      await client.command('WATCH', `n{${key}}`);
      await ask(other, `INCR n{${key}}`);
      await client.command('MULTI');
      await client.command('INCR', `n{${key}}`);
      expect(await client.command('EXEC')).toMatchObject({ type: 'null' });
    }
  }
});

test('blocking commands wait for what clients of any loop push', async () => {
  for (const [i, client] of clients.entries()) {
    for (const key of keys.slice(0, 6)) {
      const popped = client.command('BLPOP', key, '0');
      await ask(clients[(i + 1) % clients.length], `RPUSH ${key} ${i}`);
      expect(wordsOf(await popped)).toEqual([key, `${i}`]);
    }
  }
});

test('a message comes once to each subscriber, from whichever client', async () => {
  for (const client of clients) await client.command('SUBSCRIBE', 'news');
  const publishers = await Promise.all(clients.map((_, i) => pair.connect(i % 2)));
  await Promise.all(publishers.map((one, i) => ask(one, `PUBLISH news ${i}`)));
  const expected = publishers.map((_, i) => `message news ${i}`);
  for (const client of clients) {
    const messages = await client.replies(publishers.length);
    expect(messages.map((message) => wordsOf(message).join(' ')).toSorted()).toEqual(expected);
    // Nothing came after them.
    expect(wordsOf(await client.command('PING', 'end'))).toEqual(['pong', 'end']);
  }
  await Promise.all(publishers.map((one) => one.close()));
});

test('clients that track keys hear of writes by clients of any loop', async () => {
  const tracking = of(0);
  for (const client of tracking) {
    await client.command('HELLO', '3');
    expect(await ask(client, 'CLIENT TRACKING ON')).toBe('OK');
  }
  await using local = await pair.connect(0);
  for (const [i, writer] of [...of(1), local].entries()) {
    for (const key of keys.slice(0, 6)) {
      for (const client of tracking) await ask(client, `GET ${key}`);
      await ask(writer, `SET ${key} ${i}`);
      for (const client of tracking) {
        const name = { value: Buffer.from('invalidate') };
        const changed = { items: [{ value: Buffer.from(key) }] };
        expect(await client.reply()).toMatchObject({ type: 'push', items: [name, changed] });
      }
    }
  }
});

test('CLIENT LIST shows the clients of both loops, and KILL closes them', async () => {
  const own = of(0);
  const ids: string[] = [];
  for (const client of own) ids.push(await ask(client, 'CLIENT ID'));
  const port = pair.proxies[0]?.plainAddress ?? '';
  for (const client of own) {
    const lines = (await ask(client, 'CLIENT LIST'))
      .split('\n')
      .filter((one) => one.includes(port));
    expect(lines.map((line) => /^id=(\d+)/.exec(line)?.[1])).toEqual(ids);
  }
  const [killer, ...others] = own;
  for (const id of ids.slice(1)) expect(await ask(killer, `CLIENT KILL ID ${id}`)).toBe('1');
  await Promise.all(others.map((client) => client.closed));
  clients = clients.filter((client) => !others.includes(client));
});

test('CLIENT PAUSE and UNBLOCK reach all of them', async () => {
  const [asker, ...others] = of(0);
  expect(await ask(asker, 'CLIENT PAUSE 100000 WRITE')).toBe('OK');
  const written = others.map((client) => client.command('INCR', 'paused'));
  expect(await ask(asker, 'EXISTS paused')).toBe('0');
  expect(await ask(asker, 'CLIENT UNPAUSE')).toBe('OK');
  expect((await Promise.all(written)).map(wordOf).toSorted()).toEqual(['1', '2', '3']);
  for (const client of others) {
    const id = await ask(client, 'CLIENT ID');
    const popped = client.command('BLPOP', 'never', '0');
    await expect.poll(() => ask(asker, `CLIENT UNBLOCK ${id}`)).toBe('1');
    expect(await popped).toMatchObject({ type: 'null' });
  }
});

test('a client that moves stays a plain one', async () => {
  const moving = await startPlainPair({ threads: 2, spreadClients: 'when-needed' });
  const idle = await moving.connect();
  const plain: RawClient[] = [];
  for (let i = 0; i < 6; i++) plain.push(await moving.connect());
  for (const client of plain) {
    const replies = client.replies(200);
    await client.send(
      Buffer.concat(Array.from({ length: 200 }, (_, i) => encodeCommand(['INCR', `n:${i % 20}`]))),
    );
    for (const reply of await replies) expect(reply.type).toBe('integer');
    expect(wordsOf(await client.command('MGET', 'n:1', 'n:2', 'n:3'))).toHaveLength(3);
    expect(await ask(client, 'CLUSTER SLOTS')).toMatch(/^ERR This instance has cluster support/);
    expect(await ask(client, 'CLIENT INFO')).toContain(`laddr=${moving.proxies[0]?.plainAddress} `);
  }
  expect(await ask(idle, 'GET n:0')).toBe('60');
  const info = await ask(idle, 'INFO');
  expect(Number(/loop1:clients=(\d+)/.exec(info)?.[1])).toBeGreaterThan(1);
  await Promise.all([idle, ...plain].map((client) => client.close()));
  await moving.stop();
});

test('ioredis', async () => {
  const [host = '', port = ''] = (pair.proxies[0]?.plainAddress ?? '').split(':');
  const all = Array.from({ length: 6 }, () => new Redis({ host, port: Number(port) }));
  await Promise.all(
    all.map(async (redis, i) => {
      const pipeline = redis.pipeline();
      for (const key of keys) pipeline.set(`${i}:${key}`, key).get(`${i}:${key}`).incr(`n:${key}`);
      const replies = (await pipeline.exec()) ?? [];
      expect(replies.map(([error]) => error)).toEqual(replies.map(() => null));
      expect(await redis.mget(keys.map((key) => `${i}:${key}`))).toEqual(keys);
    }),
  );
  for (const redis of all) expect(await redis.get('n:key:7')).toBe('6');
  const found: string[] = [];
  for await (const batch of all[3]!.scanStream({ match: '3:*' }))
    found.push(...(batch as string[]));
  expect(found).toHaveLength(keys.length);
  await Promise.all(all.map((redis) => redis.quit()));
});
