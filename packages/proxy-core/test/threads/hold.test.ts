import { once } from 'node:events';
import net from 'node:net';
import { parseNodeAddress, parseSetCluster } from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import { silentLogger } from '@undermoon/runtime';
import { keySlotOf, SLOT_COUNT } from '@undermoon/slots';
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRoutingTable, EMPTY_TABLE, type RoutingTable } from '../../src/core/routing-table.ts';
import { resolveOptions } from '../../src/options.ts';
import { LocalDesk } from '../../src/shell/admin-desk.ts';
import { chooseTransports } from '../../src/shell/choose-transports.ts';
import { DataLoop } from '../../src/shell/data-loop.ts';
import { Gate } from '../../src/shell/gate.ts';
import { LoopCounters } from '../../src/shell/loop-counters.ts';
import { ServingLoop } from '../../src/shell/serving-loop.ts';
import { controlAt } from '../control/control-fixture.ts';

const HELD = 'held';
const FREE = 'free';

/** A loop that serves all slots from one Redis server, and a port that leads to it. */
class LoopFixture {
  readonly redis: RedisServer;
  readonly serving: ServingLoop;
  readonly gate: Gate;
  readonly #server: net.Server;
  readonly #clients: RawClient[] = [];

  private constructor(
    redis: RedisServer,
    loop: { serving: ServingLoop; gate: Gate; server: net.Server },
  ) {
    this.redis = redis;
    this.serving = loop.serving;
    this.gate = loop.gate;
    this.#server = loop.server;
  }

  static async start(): Promise<LoopFixture> {
    const redis = await startRedis();
    const options = resolveOptions({ backendConnNum: 1 });
    const loop = new DataLoop(options);
    loop.transports = await chooseTransports('raw-handle', loop.arena);
    const gate: Gate = new Gate(new Int32Array(1), () => {
      gate.seen = gate.word[0] ?? 0;
      serving.holdSlots(heldMark());
    });
    const serving: ServingLoop = new ServingLoop({
      options,
      addresses: { address: options.address, plainAddress: null, replicaAddress: null },
      loop,
      desk: new LocalDesk(controlAt('127.0.0.1:6000')),
      loops: null,
      counters: new LoopCounters(1).of(0),
      logger: silentLogger,
      gate,
      loopCount: 1,
      loopIndex: 0,
    });
    serving.useTable(tableOf(redis.address));
    const server = net.createServer({ pauseOnConnect: true });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    let nextId = 1;
    loop.transports.acceptFrom(server, (connection) =>
      serving.accept(connection, 'cluster', nextId++),
    );
    return new LoopFixture(redis, { serving, gate, server });
  }

  async connect(): Promise<RawClient> {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('it does not listen');
    const client = await RawClient.connect({ port: address.port });
    this.#clients.push(client);
    return client;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    this.serving.destroy();
    this.#server.close();
    await this.redis.stop();
  }
}

function tableOf(address: string, range = '0-16383'): RoutingTable {
  const words = ['v2', '1', 'NOFLAG', 'test', address, '1', range];
  const parsed = parseSetCluster(words);
  if (!parsed.ok) throw new Error(parsed.message);
  return buildRoutingTable(parsed.value, parseNodeAddress('127.0.0.1:6000'));
}

function heldMark(): Uint8Array {
  const marks = new Uint8Array(SLOT_COUNT);
  marks[keySlotOf(HELD)] = 1;
  return marks;
}

function pipeline(...commands: readonly (readonly string[])[]): Buffer {
  return Buffer.concat(commands.map((command) => encodeCommand(command)));
}

let fixture: LoopFixture;
beforeAll(async () => {
  fixture = await LoopFixture.start();
});
afterAll(() => fixture.stop());

test('commands for held slots wait with all that follows them; the rest goes on', async () => {
  const client = await fixture.connect();
  const other = await fixture.connect();
  await client.command('SET', HELD, '1');
  fixture.serving.holdSlots(heldMark());
  await client.send(
    pipeline(['SET', FREE, 'a'], ['PING'], ['INCR', HELD], ['GET', FREE], ['INCR', HELD]),
  );
  expect(await client.replies(2)).toMatchObject([{ value: 'OK' }, { value: 'PONG' }]);
  expect(await other.command('SET', FREE, 'b')).toMatchObject({ value: 'OK' });
  fixture.serving.release();
  expect(await client.replies(3)).toMatchObject([
    { value: 2 },
    { value: Buffer.from('b') },
    { value: 3 },
  ]);
});

test('clients go on in the order in which they came to wait', async () => {
  fixture.serving.holdSlots(heldMark());
  const clients: RawClient[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const client = await fixture.connect();
    // The reply to PING shows that the command behind it waits.
    await client.send(pipeline(['PING'], ['RPUSH', `{${HELD}}:order`, name]));
    await client.reply();
    clients.push(client);
  }
  fixture.serving.release();
  await Promise.all(clients.map((client) => client.reply()));
  const order = await clients[0]?.command('LRANGE', `{${HELD}}:order`, '0', '-1');
  expect(order).toMatchObject({
    items: ['a', 'b', 'c', 'd'].map((name) => ({ value: Buffer.from(name) })),
  });
});

test('what a client sends meanwhile is left in its socket', async () => {
  fixture.serving.holdSlots(heldMark());
  const client = await fixture.connect();
  const value = 'v'.repeat(1000);
  const count = 20_000;
  const replies = client.replies(count);
  const sent = client.send(
    Buffer.concat(Array.from({ length: count }, () => pipeline(['SET', HELD, value]))),
  );
  const other = await fixture.connect();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 200; i++) await other.command('PING');
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
  fixture.serving.release();
  expect((await replies).every((reply) => 'value' in reply && reply.value === 'OK')).toBe(true);
  await sent;
});

test('inline commands, transactions and clients that end their side wait as well', async () => {
  const inline = await fixture.connect();
  const transaction = await fixture.connect();
  const ending = await fixture.connect();
  await inline.command('SET', HELD, '5');
  await transaction.send(pipeline(['MULTI'], ['INCR', HELD]));
  expect(await transaction.replies(2)).toMatchObject([{ value: 'OK' }, { value: 'QUEUED' }]);
  fixture.serving.holdSlots(heldMark());
  await inline.send(`PING\r\nINCR ${HELD}\r\nPING\r\n`);
  await inline.reply();
  await transaction.send(pipeline(['PING'], ['EXEC'], ['PING']));
  await ending.send(pipeline(['PING'], ['INCR', HELD], ['PING']));
  ending.end();
  await ending.reply();
  fixture.serving.release();
  expect(await inline.replies(2)).toMatchObject([{ value: 6 }, { value: 'PONG' }]);
  await ending.closed;
  expect(ending.receivedBytes.toString()).toMatch(/^\+PONG\r\n:\d\r\n\+PONG\r\n$/);
  const replies = await transaction.replies(3);
  expect(replies[0]).toMatchObject({ value: 'QUEUED' });
});

test.each([
  ['DBSIZE'],
  ['CONFIG', 'SET', 'notify-keyspace-events', ''],
  ['CONFIG', 'GET', 'notify-keyspace-events'],
  ['SCRIPT', 'LOAD', 'return 1'],
  ['FUNCTION', 'LIST'],
  ['PUBLISH', 'news', 'text'],
  ['EVAL', 'return 1', '0'],
  ['WAIT', '0', '0'],
])('%s %s, which is for the servers, waits whatever is held', async (...words) => {
  const client = await fixture.connect();
  fixture.serving.holdSlots(heldMark());
  await client.send(pipeline(['PING'], words, ['PING']));
  await client.reply();
  // By the next reply of the loop it would have been there: the server answers at once.
  await using server = await RawClient.connect(fixture.redis.address);
  await server.command('PING');
  const other = await fixture.connect();
  await other.command('GET', FREE);
  expect(client.receivedBytes.toString()).toBe('+PONG\r\n');
  fixture.serving.release();
  expect((await client.replies(2)).map(({ type }) => type)).not.toContain('error');
  await Promise.all([client.close(), other.close()]);
});

test('what is wrong with the options of a command for a held slot is told by the next table', async () => {
  const client = await fixture.connect();
  const other = await fixture.connect();
  fixture.serving.holdSlots(heldMark());
  await client.send(pipeline(['PING'], ['COPY', HELD, HELD, 'DB', '16']));
  await client.reply();
  expect(await other.command('COPY', FREE, FREE, 'DB', '16')).toMatchObject({ type: 'error' });
  expect(client.receivedBytes.toString()).toBe('+PONG\r\n');
  fixture.serving.useTable(tableOf(fixture.redis.address, '0-1'));
  fixture.serving.release();
  expect(await client.reply()).toMatchObject({
    type: 'error',
    value: 'CLUSTERDOWN Hash slot not served',
  });
  fixture.serving.useTable(tableOf(fixture.redis.address));
});

test('a name that only servers can know waits for the first table', async () => {
  await using unserved = await LoopFixture.start();
  unserved.serving.useTable(EMPTY_TABLE);
  const client = await unserved.connect();
  unserved.serving.holdSlots(heldMark());
  await client.send(pipeline(['PING'], ['NOSUCH', FREE]));
  await client.reply();
  unserved.serving.useTable(tableOf(unserved.redis.address));
  unserved.serving.release();
  await client.reply();
  expect(client.receivedBytes.toString()).toMatch(/^\+PONG\r\n-ERR unknown command 'NOSUCH'/);
});

test('a client that goes away while it waits is forgotten', async () => {
  const client = await fixture.connect();
  await client.command('SET', HELD, '1');
  fixture.serving.holdSlots(heldMark());
  await client.send(pipeline(['PING'], ['INCR', HELD]));
  await client.reply();
  client.reset();
  const other = await fixture.connect();
  await other.command('PING');
  await expect.poll(() => fixture.serving.clientCount).toBeLessThan(20);
  fixture.serving.release();
  expect(await other.command('PING')).toMatchObject({ value: 'PONG' });
});

test('a loop looks at its gate before every chunk', async () => {
  const client = await fixture.connect();
  await client.command('SET', HELD, '1');
  fixture.gate.word[0] = 1;
  await client.send(pipeline(['PING'], ['INCR', HELD]));
  await client.reply();
  fixture.serving.release();
  expect(await client.reply()).toMatchObject({ value: 2 });
});

test('a blocking command that waited for replies before it does not start while its slot is held', async () => {
  const client = await fixture.connect();
  const other = await fixture.connect();
  await using server = await RawClient.connect(fixture.redis.address);
  const list = `{${HELD}}:list`;
  await server.command('RPUSH', list, 'v');
  await fixture.redis.kill('SIGSTOP');
  await client.send(pipeline(['GET', FREE], ['BLPOP', list, '0']));
  // Its own reply is made by the proxy, after it has read what the first client sent.
  expect(await other.command('PING')).toMatchObject({ value: 'PONG' });
  fixture.serving.holdSlots(heldMark());
  await fixture.redis.kill('SIGCONT');
  expect(await client.reply()).toMatchObject({ type: 'bulk' });
  expect(await other.command('GET', FREE)).toMatchObject({ type: 'bulk' });
  expect(await server.command('LLEN', list)).toMatchObject({ value: 1 });
  fixture.serving.release();
  expect(await client.reply()).toMatchObject({ type: 'array' });
});
