// Slow commands of a proxy, and CONFIG that says which these are.
import { encodeCommand } from '@undermoon/resp';
import type { RespValue } from '@undermoon/resp';
import { RawClient } from '@undermoon/testkit';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { ALL_SLOTS, setCluster, startFixture } from './fixture.ts';
import { startTwins, transcript } from './reference.ts';

const ALL = { slowerThanUs: 0, sampleRate: 1 };

function textsOf(reply: RespValue): string[] {
  if (reply.type !== 'array') throw new Error(JSON.stringify(reply));
  return reply.items.map((item) => {
    if (item.type === 'array') return `[${textsOf(item).join(' ')}]`;
    return 'value' in item ? String(item.value) : item.type;
  });
}

/** The commands that are kept, the newest first. */
async function commandsOf(client: RawClient): Promise<string[]> {
  const reply = await client.command('SLOWLOG', 'GET', '-1');
  if (reply.type !== 'array') throw new Error(JSON.stringify(reply));
  return reply.items.map((entry) => textsOf(entry)[3] ?? '');
}

test('a command that takes long is kept as Redis keeps it', async () => {
  const fixture = await startFixture([ALL_SLOTS], { slowLog: { ...ALL, slowerThanUs: -1 } });
  await using client = await fixture.connect();
  await using server = await RawClient.connect(fixture.redis[0]!.address);
  await client.command('CLIENT', 'SETNAME', 'me');
  await client.command('SET', 'a', '1');
  const before = Math.floor(Date.now() / 1000);
  // On a busy machine the commands before could take long, and a part of the pause be over before it is noticed.
  await client.command('CONFIG', 'SET', 'slowlog-log-slower-than', '500000');
  await server.command('CLIENT', 'PAUSE', '1000', 'ALL');
  await client.command('GET', 'a');
  const reply = await client.command('SLOWLOG', 'GET');
  if (reply.type !== 'array') throw new Error(JSON.stringify(reply));
  const [id, at, micros, args, peer, name] = textsOf(reply.items[0]!);
  expect([id, args, name]).toEqual(['0', '[GET a]', 'me']);
  expect(peer).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(Number(at)).toBeGreaterThanOrEqual(before);
  expect(Number(micros)).toBeGreaterThanOrEqual(500_000);
  expect(await transcript(client, ['SLOWLOG LEN', 'SLOWLOG RESET', 'SLOWLOG LEN'])).toEqual([
    'SLOWLOG LEN -> :1\r\n',
    'SLOWLOG RESET -> +OK\r\n',
    'SLOWLOG LEN -> :0\r\n',
  ]);
  await fixture.stop();
});

test('one command in so many is timed, wherever it is in a pipeline, and every reply is in its place', async () => {
  const fixture = await startFixture([ALL_SLOTS], { slowLog: { ...ALL, sampleRate: 7 } });
  await using client = await fixture.connect();
  const commands = Array.from({ length: 50 }, (_, i) => ['SET', `k${i}`, `${i}`, 'GET']);
  await client.send(Buffer.concat(commands.map((words) => encodeCommand(words))));
  expect((await client.replies(50)).every(({ type }) => type === 'null')).toBe(true);
  const kept = (await commandsOf(client)).toReversed();
  // The first command, and then every seventh; UMCTL was counted before.
  const numbers = kept.map((line) => Number(/k(\d+)/.exec(line)?.[1]));
  expect(numbers.length).toBeGreaterThanOrEqual(7);
  expect(numbers.slice(1).every((number, i) => number - (numbers[i] ?? 0) === 7)).toBe(true);
  const values = await Promise.all(commands.map(([, key = '']) => client.command('GET', key)));
  values.forEach((value, i) => expect(value).toMatchObject({ value: Buffer.from(`${i}`) }));
  await fixture.stop();
});

test.each([1, 2])('CONFIG SET is in effect at once, in %i loops', async (threads) => {
  const fixture = await startFixture([ALL_SLOTS], {
    threads,
    slowLog: { ...ALL, slowerThanUs: -1 },
  });
  const clients = await Promise.all([1, 2, 3, 4].map(() => fixture.connect()));
  const [client] = clients;
  for (const each of clients) await each.command('GET', 'a');
  expect(await commandsOf(client!)).toEqual([]);
  expect(
    await transcript(client!, [
      'CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 3',
      'CONFIG GET slowlog*',
      'CONFIG SET slowlog_sample_rate x',
    ]),
  ).toEqual([
    'CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 3 -> +OK\r\n',
    `CONFIG GET slowlog* -> *8\r\n${[
      ['slowlog-log-slower-than', '0'],
      ['slowlog-max-len', '3'],
      ['slowlog_len', '3'],
      ['slowlog_sample_rate', '1'],
    ]
      .flat()
      .map((word) => `$${word.length}\r\n${word}\r\n`)
      .join('')}`,
    "CONFIG SET slowlog_sample_rate x -> -ERR CONFIG SET failed (possibly related to argument 'slowlog_sample_rate') - argument couldn't be parsed into an integer\r\n",
  ]);
  for (const each of clients) await each.command('GET', 'b');
  const kept = (await commandsOf(client!)).filter((line) => line === '[GET b]');
  expect(kept.length).toBeGreaterThanOrEqual(threads === 1 ? 3 : 4);
  const reply = await client!.command('SLOWLOG', 'GET', '-1');
  const ids = reply.type === 'array' ? reply.items.map((entry) => textsOf(entry)[0]) : [];
  expect(new Set(ids).size).toBe(ids.length);
  await Promise.all(clients.map((each) => each.close()));
  await fixture.stop();
});

test('commands for all servers, lost ones, and the form of undermoon 0.6', async () => {
  const fixture = await startFixture(['0-8191', '8192-16383'], {
    slowLog: ALL,
    backendTimeoutMs: 300,
  });
  await using client = await fixture.connect();
  await client.command('KEYS', '*');
  await using server = await RawClient.connect(fixture.redis[0]!.address);
  await server.command('CLIENT', 'PAUSE', '60000', 'WRITE');
  expect((await client.command('SET', 'b', '1')).type).toBe('error');
  await server.command('CLIENT', 'UNPAUSE');
  expect((await commandsOf(client)).slice(0, 2)).toEqual(['[SET b 1]', '[KEYS *]']);
  const reply = await client.command('UMCTL', 'SLOWLOG', 'GET', '1');
  const lines = reply.type === 'array' ? textsOf(reply.items[0]!) : [];
  expect(lines.map((line) => line.slice(0, line.indexOf(':')))).toEqual([
    'session_id',
    'created',
    'sent_to_migration_backend',
    'sent_to_cluster',
    'sent_to_queue',
    'queue_received',
    'sent_to_backend',
    'received_from_backend',
    'wait_done',
    'command',
  ]);
  expect(lines[9]).toBe('command: KEYS *');
  expect(
    await transcript(client, ['UMCTL SLOWLOG X', 'UMCTL SLOWLOG', 'UMCTL SLOWLOG RESET']),
  ).toEqual([
    'UMCTL SLOWLOG X -> -invalid slowlog sub-command\r\n',
    'UMCTL SLOWLOG -> -Missing sub command\r\n',
    'UMCTL SLOWLOG RESET -> +OK\r\n',
  ]);
  expect(await commandsOf(client)).toEqual([]);
  await fixture.stop();
});

test('faults and sizes as Redis answers them; ioredis reads the log', async () => {
  const twins = await startTwins();
  const [proxied, direct] = await twins.connect();
  const lines = [
    'SLOWLOG GET x',
    'SLOWLOG GET -2',
    'SLOWLOG GET 0',
    'SLOWLOG',
    'SLOWLOG X',
    'SLOWLOG LEN 1',
  ];
  await direct.command('SLOWLOG', 'RESET');
  expect(await transcript(proxied, lines)).toEqual(await transcript(direct, lines));
  const port = Number(twins.fixture.proxy.address.split(':')[1]);
  const io = new Redis({ port });
  await io.config('SET', 'slowlog-log-slower-than', '0');
  await io.config('SET', 'slowlog_sample_rate', '1');
  await io.set('x', 'v'.repeat(200));
  expect(JSON.stringify(await io.slowlog('GET', 1))).toContain('... (72 more bytes)');
  await io.quit();
  await Promise.all([proxied.close(), direct.close()]);
  await twins.stop();
});

test('transactions, compressed values and what the proxy answers are timed, passwords are not kept', async () => {
  const fixture = await startFixture([ALL_SLOTS], { slowLog: ALL });
  const [redis] = fixture.redis;
  await using client = await fixture.connect();
  await client.command('HELLO', '2', 'AUTH', 'default', 'secret');
  await client.command('AUTH', 'default', 'secret');
  await transcript(client, ['SLOWLOG RESET', 'MULTI', 'SET a 1', 'PING', 'EXEC', 'CLUSTER NODES']);
  // As in Redis, the command that empties the log is in it.
  expect(await commandsOf(client)).toEqual([
    '[CLUSTER NODES]',
    '[EXEC]',
    '[MULTI]',
    '[SLOWLOG RESET]',
  ]);
  await setCluster(fixture.proxy, [[redis!.address, ALL_SLOTS]], {
    epoch: 2,
    config: [['compression_strategy', 'allow_all']],
  });
  await client.command('SLOWLOG', 'RESET');
  await client.command('SET', 'a', 'v'.repeat(300));
  expect(await client.command('GET', 'a')).toMatchObject({ value: Buffer.from('v'.repeat(300)) });
  await client.command('BLPOP', 'b', '0.01');
  expect((await commandsOf(client))[0]).toBe('[GET a]');
  await fixture.stop();
});

test('a transaction is timed until its reply', async () => {
  const fixture = await startFixture([ALL_SLOTS], { slowLog: { ...ALL, slowerThanUs: 40_000 } });
  await using client = await fixture.connect();
  await using server = await RawClient.connect(fixture.redis[0]!.address);
  await transcript(client, ['SET a 1', 'MULTI', 'INCR a']);
  await server.command('CLIENT', 'PAUSE', '600', 'ALL');
  expect(await transcript(client, ['EXEC'])).toEqual(['EXEC -> *1\r\n:2\r\n']);
  expect(await executionsOf(client)).toBe(1);
  await fixture.stop();
});

test('a transaction whose reply does not come is timed until it is given up', async () => {
  const fixture = await startFixture([ALL_SLOTS], {
    slowLog: { ...ALL, slowerThanUs: 40_000 },
    backendTimeoutMs: 300,
  });
  await using client = await fixture.connect();
  await using server = await RawClient.connect(fixture.redis[0]!.address);
  await transcript(client, ['MULTI', 'INCR a']);
  await server.command('CLIENT', 'PAUSE', '60000', 'WRITE');
  expect((await client.command('EXEC')).type).toBe('error');
  await server.command('CLIENT', 'UNPAUSE');
  expect(await executionsOf(client)).toBe(1);
  await fixture.stop();
});

async function executionsOf(client: RawClient): Promise<number> {
  return (await commandsOf(client)).filter((line) => line === '[EXEC]').length;
}
