// Plain clients on both event loops of a proxy whose metadata is not that of the others.
import { type RedisServer, RawClient, startRedis } from '@undermoon/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ProxyServerOptions } from '../../src/index.ts';
import { high, low, type MovingSlots, startMovingSlots } from '../moving-slots.ts';
import { wordOf, wordsOf } from '../plain-fixture.ts';

const CLIENTS = 6;

let servers: RedisServer[] = [];
let moving: MovingSlots;
const clients: RawClient[] = [];

beforeAll(async () => {
  servers = await Promise.all([0, 1, 2].map(() => startRedis()));
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  moving.stop();
  for (const { address } of servers) {
    await using direct = await RawClient.connect(address);
    await direct.command('FLUSHALL');
  }
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
});

/** The clients are at the plain port of the first proxy, which serves no slots. */
async function open(options: ProxyServerOptions = {}): Promise<void> {
  moving = await startMovingSlots(servers, { threads: 2, spreadClients: 'at-once', ...options });
  for (let i = 0; i < CLIENTS; i++) {
    const client = await RawClient.connect(moving.proxies[0]?.plainAddress ?? '');
    await client.command('PING');
    clients.push(client);
  }
  const info = wordOf(await clients[0]?.command('INFO'));
  const counts = [...info.matchAll(/loop\d:clients=(\d+)/g)].map(([, count]) => count);
  expect(counts).toEqual(['3', '3']);
}

test('redirections are followed on both loops, and nothing is executed twice', async () => {
  await open();
  await moving.makeFirstOld();
  const [key = ''] = high;
  const all = await Promise.all(
    clients.map((client) =>
      Promise.all([
        client.command('INCR', `n{${key}}`),
        client.command('MSET', ...[...high, ...low].flatMap((one) => [one, one])),
        client.command('MGET', ...high, ...low),
        client.command('MULTI'),
        client.command('INCR', `n{${key}}`),
        client.command('EXEC'),
        client.command('INCR', `n{${key}}`),
      ]),
    ),
  );
  for (const [, set, list, , , exec] of all) {
    expect(wordOf(set)).toBe('OK');
    expect(wordsOf(list)).toEqual([...high, ...low]);
    expect(wordsOf(exec)).toHaveLength(1);
  }
  expect(wordOf(await clients[0]?.command('GET', `n{${key}}`))).toBe(`${3 * CLIENTS}`);
});

test('proxies that send a command to each other are asked again by both loops', async () => {
  await open();
  await moving.makeThirdOld();
  const replies = clients.map((client, i) =>
    Promise.all([
      client.command('SET', high[i] ?? '', `${i}`),
      client.command('MGET', high[i] ?? '', low[0] ?? ''),
      client.command('PING'),
    ]),
  );
  await using direct = await RawClient.connect(moving.proxies[2]?.address ?? '');
  const errors = async (): Promise<number> => {
    const stats = wordOf(await direct.command('INFO', 'stats'));
    return Number(/total_error_replies:(\d+)/.exec(stats)?.[1]);
  };
  while ((await errors()) < 2 * CLIENTS);
  await moving.tell(2, 1, 2);
  for (const [i, [set, list, pong]] of (await Promise.all(replies)).entries()) {
    expect([set, pong].map(wordOf)).toEqual(['OK', 'PONG']);
    expect(wordsOf(list)[0]).toBe(`${i}`);
  }
});

test('proxies that never agree are an error on both loops, and not MOVED', async () => {
  await open({ redirectTimeoutMs: 300 });
  await moving.makeThirdOld();
  const replies = await Promise.all(
    clients.map((client, i) => client.command('SET', high[i] ?? '', 'a')),
  );
  for (const reply of replies) {
    expect(wordOf(reply)).toMatch(/^CLUSTERDOWN no proxy served slot \d+ within 300 ms/);
  }
});

test('commands that wait go on waiting where their slots go', async () => {
  await open();
  await moving.tell(1, 2, 1);
  await moving.tell(2, 2, 1);
  await moving.tell(0, 2, 1);
  const popped = clients.map((client, i) => client.command('BLPOP', high[i] ?? '', '0'));
  await blockedAt(1);
  await moving.tell(2, 2, 2);
  await moving.tell(1, 2, 2);
  await moving.tell(0, 2, 2);
  await blockedAt(2);
  await using direct = await RawClient.connect(servers[2]?.address ?? '');
  for (let i = 0; i < CLIENTS; i++) await direct.command('RPUSH', high[i] ?? '', `${i}`);
  for (const [i, reply] of popped.entries())
    expect(wordsOf(await reply)).toEqual([high[i], `${i}`]);
});

/** Resolves when all clients wait at a Redis server. */
async function blockedAt(server: number): Promise<void> {
  await using direct = await RawClient.connect(servers[server]?.address ?? '');
  const info = async (): Promise<string> => wordOf(await direct.command('INFO', 'clients'));
  while (!(await info()).includes(`blocked_clients:${CLIENTS}`));
}
