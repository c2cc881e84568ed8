import { readdirSync } from 'node:fs';
import net from 'node:net';
import { encodeCommand } from '@undermoon/resp';
import { RawClient, startRedis } from '@undermoon/testkit';
import { Cluster } from 'ioredis';
import { expect, test } from 'vitest';
import { createProxyServer } from '../../src/index.ts';
import { resolveOptions } from '../../src/options.ts';
import { chooseTransports } from '../../src/shell/choose-transports.ts';
import { DataLoop } from '../../src/shell/data-loop.ts';
import type { LoopThread } from '../../src/shell/loop-thread.ts';
import { endThreads, startThreads } from '../../src/shell/start-threads.ts';
import { WatchedLogger } from '../control/control-fixture.ts';
import { ALL_SLOTS, setCluster, startFixture } from '../fixture.ts';
import { metaOf } from './meta.ts';

function textOf(reply: Awaited<ReturnType<RawClient['command']>>): string {
  return 'value' in reply ? String(reply.value) : reply.type;
}

function processedIn(info: string): number {
  return Number(/total_commands_processed:(\d+)/.exec(info)?.[1]);
}

function clientAt(clients: readonly RawClient[], index: number): RawClient {
  const client = clients[index];
  if (client === undefined) throw new RangeError(`there is no client ${index}`);
  return client;
}

test.each([2, 3])('%i loops share the clients, and count as one proxy', async (threads) => {
  const logger = new WatchedLogger();
  const fixture = await startFixture([ALL_SLOTS], { threads, logger });
  expect(logger.lines).toContainEqual({
    message: 'proxy listening',
    fields: { address: fixture.proxy.address, sockets: 'raw-handle', loops: threads },
  });
  const clients = await Promise.all(Array.from({ length: 9 }, () => fixture.connect()));
  const ids = await Promise.all(clients.map((client) => client.command('CLIENT', 'ID')));
  expect(new Set(ids.map(textOf)).size).toBe(9);
  expect(textOf(await clientAt(clients, 1).command('CLIENT', 'INFO'))).toContain(
    ` laddr=${fixture.proxy.address} `,
  );
  for (const client of clients) await client.command('INCR', 'n');
  const before = processedIn(textOf(await clientAt(clients, 2).command('INFO')));
  for (const client of clients) await client.command('INCR', 'n');
  for (const client of clients) {
    const text = textOf(await client.command('INFO'));
    expect(text).toContain('connected_clients:9');
    expect(processedIn(text)).toBeGreaterThanOrEqual(before + 10);
  }
  expect(await clients[1]?.command('GET', 'n')).toMatchObject({ value: Buffer.from('18') });
  await clients[3]?.command('CONFIG', 'RESETSTAT');
  expect(textOf(await clientAt(clients, 4).command('INFO'))).toMatch(/commands_processed:[1-9]\r/);
  await Promise.all(clients.map((client) => client.close()));
  await expect.poll(() => fixture.proxy.clientCount).toBe(0);
  await fixture.stop();
});

test('control commands on every loop keep their place among the others', async () => {
  const fixture = await startFixture([ALL_SLOTS], { threads: 3 });
  const clients = await Promise.all(Array.from({ length: 3 }, () => fixture.connect()));
  for (const client of clients) {
    await client.send(
      Buffer.concat(
        [
          ['SET', 'a', '1'],
          ['UMCTL', 'GETEPOCH'],
          ['INCR', 'a'],
          ['CLUSTER', 'KEYSLOT', 'foo'],
          ['CONFIG', 'GET', 'maxclients'],
          ['PING'],
          ['CLUSTER', 'NOSUCH'],
          ['GET', 'a'],
        ].map((command) => encodeCommand(command)),
      ),
    );
    const replies = await client.replies(8);
    expect(replies).toMatchObject([
      { value: 'OK' },
      { value: 1 },
      { value: 2 },
      { value: 12_182 },
      { type: 'array' },
      { value: 'PONG' },
      { type: 'error' },
      { value: Buffer.from('2') },
    ]);
  }
  await Promise.all(clients.map((client) => client.close()));
  await fixture.stop();
});

test('the limit of clients is that of the proxy', async () => {
  const fixture = await startFixture([ALL_SLOTS], { threads: 2, clientsMax: 4 });
  // The connection that sent the metadata counts until its end is noticed.
  await expect.poll(() => fixture.proxy.clientCount).toBe(0);
  const clients = await Promise.all(Array.from({ length: 4 }, () => fixture.connect()));
  for (const client of clients) await client.command('PING');
  const refused = await fixture.connect();
  expect(await refused.reply()).toMatchObject({ value: 'ERR max number of clients reached' });
  await refused.closed;
  await clients[1]?.close();
  await expect.poll(() => fixture.proxy.clientCount).toBe(3);
  const next = await fixture.connect();
  expect(await next.command('PING')).toMatchObject({ value: 'PONG' });
  await Promise.all([...clients, next].map((client) => client.close()));
  await fixture.stop();
});

test('close answers what all loops have received; nothing is left of them', async () => {
  const count = (): number =>
    process.getActiveResourcesInfo().filter((name) => !/^(Pipe|TTY|Process)/.test(name)).length;
  const redis = await startRedis();
  const before = count();
  const descriptors = readdirSync('/proc/self/fd').length;
  for (const stop of ['close', 'destroy', 'close'] as const) {
    const proxy = createProxyServer({
      address: '127.0.0.1:0',
      spreadClients: 'at-once',
      threads: 3,
    });
    await proxy.listen();
    await setCluster(proxy, [[redis.address, ALL_SLOTS]]);
    const clients = await Promise.all(
      Array.from({ length: 6 }, () => RawClient.connect(proxy.address)),
    );
    const commands = Array.from({ length: 300 }, (_, i) => encodeCommand(['SET', 'k', `${i}`]));
    for (const client of clients) {
      await client.command('PING');
      await client.send(Buffer.concat(commands));
      // The first reply shows that the whole batch, sent in one write, has been read.
      await client.reply();
    }
    if (stop === 'destroy') proxy.destroy();
    await Promise.all([proxy.close(), proxy.close()]);
    await Promise.all(clients.map((client) => client.closed));
    if (stop === 'destroy') continue;
    for (const client of clients) {
      expect(client.receivedBytes.toString().match(/\+OK/g)?.length).toBe(300);
    }
  }
  await expect.poll(count).toBeLessThanOrEqual(before);
  await expect.poll(() => readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(descriptors + 2);
  await redis.stop();
});

test('connections on their way to a loop end with the proxy', async () => {
  for (const stop of ['close', 'destroy'] as const) {
    const proxy = createProxyServer({
      address: '127.0.0.1:0',
      spreadClients: 'at-once',
      threads: 2,
    });
    await proxy.listen();
    const [host = '', port = ''] = proxy.address.split(':');
    const sockets = Array.from({ length: 40 }, () => net.connect(Number(port), host));
    const ends = sockets.map(
      (socket) =>
        new Promise((resolve) => {
          socket.on('error', resolve);
          socket.on('close', resolve);
          socket.resume();
        }),
    );
    await expect.poll(() => proxy.clientCount).toBeGreaterThan(0);
    await proxy[stop]();
    await Promise.all(ends);
    expect(proxy.clientCount).toBe(0);
  }
});

test('UMCTL SHUTDOWN from a client of any loop is answered and ends the proxy', async () => {
  for (const which of [0, 1]) {
    const proxy = createProxyServer({
      address: '127.0.0.1:0',
      spreadClients: 'at-once',
      threads: 2,
    });
    await proxy.listen();
    const clients = [
      await RawClient.connect(proxy.address),
      await RawClient.connect(proxy.address),
    ];
    expect(await clients[which]?.command('UMCTL', 'SHUTDOWN')).toMatchObject({ value: 'OK' });
    await Promise.all(clients.map((client) => client.closed));
    await proxy.close();
  }
});

test('idle sessions end on every loop', async () => {
  const fixture = await startFixture([ALL_SLOTS], { threads: 2, sessionTimeoutMs: 300 });
  const clients = await Promise.all(Array.from({ length: 4 }, () => fixture.connect()));
  await Promise.all(clients.map((client) => client.closed));
  await expect.poll(() => fixture.proxy.clientCount).toBe(0);
  await fixture.stop();
});

test('a server that hangs is given up by every loop', async () => {
  const fixture = await startFixture([ALL_SLOTS], { threads: 2, backendTimeoutMs: 200 });
  const clients = await Promise.all(Array.from({ length: 4 }, () => fixture.connect()));
  for (const client of clients) await client.command('SET', 'a', '1');
  await fixture.redis[0]?.kill('SIGSTOP');
  const replies = await Promise.all(clients.map((client) => client.command('GET', 'a')));
  for (const reply of replies) expect(textOf(reply)).toContain('no reply from');
  await fixture.redis[0]?.kill('SIGCONT');
  await Promise.all(clients.map((client) => client.close()));
  await fixture.stop();
});

test('with sockets that cannot be passed on there is one loop, and a warning', async () => {
  const logger = new WatchedLogger();
  const fixture = await startFixture([ALL_SLOTS], { threads: 2, sockets: 'data-events', logger });
  expect(logger.lines.map(({ message }) => message)).toContain(
    'more than one event loop is not possible',
  );
  const client = await fixture.connect();
  expect(await client.command('PING')).toMatchObject({ value: 'PONG' });
  await client.close();
  await fixture.stop();
});

test('a thread that does not start leaves one loop; one that dies later is reported', async () => {
  const logger = new WatchedLogger();
  const options = resolveOptions({ threads: 2, logger });
  const transports = await chooseTransports('raw-handle', new DataLoop(options).arena);
  let report: (dead: readonly [LoopThread, Error]) => void = () => undefined;
  const death = new Promise<readonly [LoopThread, Error]>((resolve) => {
    report = resolve;
  });
  const events = {
    onAsk: () => undefined,
    onQuestion: () => undefined,
    onAnswered: () => undefined,
    onHeld: () => undefined,
    onDeath: (thread: LoopThread, error: Error) => report([thread, error]),
  };
  const start = (file: string): ReturnType<typeof startThreads> =>
    startThreads(options, transports, events, new URL(file, import.meta.url));
  expect((await start('./broken-worker.mjs')).threads).toEqual([]);
  expect(logger.lines).toContainEqual({
    message: 'a thread cannot serve connections',
    fields: { reason: 'broken on purpose' },
  });
  const { threads } = await start('./dying-worker.ts');
  const { address } = options;
  threads[0]?.order({ kind: 'listening', address, plainAddress: null, replicaAddress: null });
  const [thread, error] = await death;
  expect(threads).toEqual([thread]);
  expect(error.message).toBe('dies on purpose');
  await endThreads(threads);
});

test('a loop that is late is left behind, and says so', async () => {
  const logger = new WatchedLogger();
  const fixture = await startFixture([ALL_SLOTS], { threads: 2, loopHoldTimeoutMs: 1, logger });
  const next = await startRedis();
  const first = await fixture.connect();
  const busy = await fixture.connect();
  const isLate = (): boolean => logger.lines.some(({ message }) => message.includes('are late'));
  // Taking so long a line apart is milliseconds of work, and a chunk is not interrupted.
  const lines = `PING${' x'.repeat(30_000)}\r\n`.repeat(20);
  for (let epoch = 2; !isLate(); epoch++) {
    const begun = busy.reply();
    const replies = busy.replies(19);
    void busy.send(lines);
    await begun;
    const server = epoch % 2 === 0 ? next : (fixture.redis[0] ?? next);
    fixture.proxy.setMetadata(metaOf(fixture.proxy, server, epoch));
    await first.command('SET', 'where', `${epoch}`);
    await replies;
    expect(await busy.command('GET', 'where')).toMatchObject({ value: Buffer.from(`${epoch}`) });
  }
  await Promise.all([first.close(), busy.close()]);
  await fixture.stop();
  await next.stop();
});

test('a stock cluster client works on several loops', async () => {
  const fixture = await startFixture([ALL_SLOTS], { threads: 3 });
  const [host = '', port = ''] = fixture.proxy.address.split(':');
  const clients = Array.from({ length: 4 }, () => new Cluster([{ host, port: Number(port) }]));
  await Promise.all(
    clients.map(async (client, i) => {
      for (let n = 0; n < 50; n++) await client.set(`key:${i}:${n}`, `${n}`);
      const pipeline = client.pipeline();
      for (let n = 0; n < 50; n++) pipeline.get(`{key:${i}}:${n}`);
      await pipeline.exec();
      expect(await client.get(`key:${i}:49`)).toBe('49');
    }),
  );
  await Promise.all(clients.map((client) => client.quit()));
  await fixture.stop();
});
