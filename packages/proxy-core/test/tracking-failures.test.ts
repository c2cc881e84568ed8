// Key tracking when something fails, moves or is full.
import { encodeCommand, type RespValue, textOf as valueText } from '@undermoon/resp';
import { RawClient, startRedis } from '@undermoon/testkit';
import { createClient } from 'redis';
import { afterEach, expect, test } from 'vitest';
import { createProxyServer, type ProxyServerOptions } from '../src/index.ts';
import { ALL_SLOTS, type Fixture, setCluster, startFixture } from './fixture.ts';
import { readerOf, tell } from './replicated.ts';

const ALL_KEYS = '>2\r\n$10\r\ninvalidate\r\n_\r\n';

const running: Fixture[] = [];
const clients: RawClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(running.splice(0).map((fixture) => fixture.stop()));
});

async function start(
  options: ProxyServerOptions = {},
  ranges: readonly string[] = [ALL_SLOTS],
): Promise<Fixture> {
  const fixture = await startFixture(ranges, options);
  running.push(fixture);
  return fixture;
}

async function connect(address: string, protocol: 2 | 3 = 3): Promise<RawClient> {
  const client = await RawClient.connect(address);
  clients.push(client);
  await client.command('HELLO', String(protocol));
  return client;
}

/** The next reply that is no push. */
async function ask(client: RawClient, line: string): Promise<RespValue> {
  await client.send(encodeCommand(line.split(' ')));
  for (;;) {
    const value = await client.reply();
    if (value.type !== 'push') return value;
  }
}

async function textOf(client: RawClient, line: string): Promise<string> {
  const reply = await ask(client, line);
  return valueText(reply) ?? (reply.type === 'error' ? reply.value : reply.type);
}

function keyPush(...keys: readonly string[]): string {
  const list = keys.map((key) => `$${key.length}\r\n${key}\r\n`).join('');
  return `>2\r\n$10\r\ninvalidate\r\n*${keys.length}\r\n${list}`;
}

/** What a client received behind `offset`. */
function received(client: RawClient, offset = 0): string {
  return client.receivedBytes.subarray(offset).toString('latin1');
}

function countOf(text: string, part: string): number {
  return text.split(part).length - 1;
}

async function trackedBy(fixture: Fixture): Promise<string> {
  await using client = await RawClient.connect(fixture.redis[0]?.address ?? '');
  return await textOf(client, 'INFO clients');
}

test('a server that dies and returns: all keys are forgotten, and tracking goes on', async () => {
  const fixture = await start();
  const { address } = fixture.proxy;
  const reader = await connect(address);
  const broad = await connect(address);
  const writer = await connect(address);
  await textOf(writer, 'SET k 1');
  expect(await textOf(reader, 'CLIENT TRACKING ON')).toBe('OK');
  expect(await textOf(broad, 'CLIENT TRACKING ON BCAST PREFIX k')).toBe('OK');
  expect(await textOf(reader, 'GET k')).toBe('1');
  await fixture.redis[0]?.kill();
  await expect.poll(() => received(reader)).toContain(ALL_KEYS);
  await expect.poll(() => received(broad)).toContain(ALL_KEYS);
  expect(await textOf(reader, 'GET k')).toMatch(/^CLUSTERDOWN/);
  await fixture.redis[0]?.restart();
  // It hears of keys that it never reads: it has to know from when on.
  await expect.poll(() => countOf(received(broad), ALL_KEYS)).toBe(2);
  await expect.poll(() => textOf(reader, 'GET k')).toBe('null');
  await expect.poll(() => textOf(writer, 'SET k 2')).toBe('OK');
  await expect.poll(() => received(reader)).toContain(keyPush('k'));
  await expect.poll(() => received(broad)).toContain(keyPush('k'));
  expect(countOf(received(reader), ALL_KEYS)).toBe(1);
});

test('slots that go elsewhere: all keys are forgotten', async () => {
  const fixture = await start({}, ['0-8191', '8192-16383']);
  const { address } = fixture.proxy;
  const client = await connect(address);
  const [first = '', second = ''] = fixture.redis.map((server) => server.address);
  expect(await textOf(client, 'CLIENT TRACKING ON')).toBe('OK');
  const ranges = async (epoch: number, one: string, two: string, peer: string): Promise<void> => {
    const local = [
      [first, one],
      [second, two],
    ] as const;
    const peers = [['127.0.0.1:9', peer]] as const;
    await setCluster(fixture.proxy, local, { epoch, peers: peer === '' ? [] : peers });
  };
  // Nothing is lost.
  await ranges(2, '0-8191', '8192-16383', '');
  await textOf(client, 'EXISTS sync');
  expect(received(client)).not.toContain('invalidate');
  // To the other server, to another proxy, and to this one.
  await ranges(3, '0-8000', '8001-16383', '');
  await expect.poll(() => countOf(received(client), ALL_KEYS)).toBe(1);
  await ranges(4, '0-8000', '8001-16000', '16001-16383');
  await expect.poll(() => countOf(received(client), ALL_KEYS)).toBe(2);
  await ranges(5, '0-8000', '8001-16383', '');
  await textOf(client, 'EXISTS sync');
  expect(countOf(received(client), ALL_KEYS)).toBe(2);
});

test('a server that goes and another that comes', async () => {
  const fixture = await start({}, ['0-8191', '8192-16383']);
  const { address } = fixture.proxy;
  const client = await connect(address);
  const writer = await connect(address);
  const [first = '', second = ''] = fixture.redis.map((server) => server.address);
  await setCluster(fixture.proxy, [[first, ALL_SLOTS]], { epoch: 2 });
  expect(await textOf(client, 'CLIENT TRACKING ON BCAST')).toBe('OK');
  await setCluster(fixture.proxy, [[second, ALL_SLOTS]], { epoch: 3 });
  await expect.poll(() => received(client)).toContain(ALL_KEYS);
  await textOf(client, 'EXISTS sync');
  await textOf(writer, 'SET k 1');
  await expect.poll(() => received(client)).toContain(keyPush('k'));
  await expect.poll(() => trackedBy(fixture)).toContain('tracking_clients:0\r\n');
});

test('the pool of connections bounds the clients that track', async () => {
  const fixture = await start({ dedicatedConnectionsMax: 3 }, ['0-8191', '8192-16383']);
  const { address } = fixture.proxy;
  const [one, two] = [await connect(address), await connect(address)];
  expect(await textOf(one, 'CLIENT TRACKING ON')).toBe('OK');
  expect(await textOf(two, 'CLIENT TRACKING ON')).toBe(
    'ERR max number of dedicated server connections reached: tracking needs 2 of its own, and dedicated_connections_max is 3',
  );
  expect(await textOf(two, 'CLIENT TRACKINGINFO')).toBe('map');
  expect(await textOf(two, 'CLIENT GETREDIR')).toBe('-1');
  expect(await textOf(two, 'GET k')).toBe('null');
  expect(await textOf(two, 'INFO clients')).toContain('tracking_clients:1\r\n');
  const id = await textOf(two, 'CLIENT ID');
  // One that tracks already and cannot have what it asks for now may not go on with what it has.
  expect(await textOf(one, `CLIENT TRACKING ON REDIRECT ${id}`)).toMatch(/tracking needs 4/);
  await one.closed;
  await expect.poll(() => textOf(two, 'CLIENT TRACKING ON')).toBe('OK');
  expect(await textOf(two, 'CLIENT TRACKING OFF')).toBe('OK');
  expect(await textOf(two, 'INFO clients')).toContain('tracking_clients:0\r\n');
});

test('a client that does not read what it is told is closed', async () => {
  const fixture = await start({ outputPauseBytes: 65_536, outputBytesMax: 262_144 });
  const { address } = fixture.proxy;
  const slow = await connect(address);
  const writer = await connect(address);
  expect(await textOf(slow, 'CLIENT TRACKING ON BCAST')).toBe('OK');
  slow.pause();
  const key = 'k'.repeat(10_000);
  let count = 0;
  for (let isOpen = true; isOpen && count < 5000; count++) {
    await textOf(writer, `SET ${key}${count} 1`);
    isOpen = (await textOf(writer, 'INFO clients')).includes('tracking_clients:1\r\n');
  }
  expect(count).toBeLessThan(5000);
  expect(await textOf(writer, 'INFO stats')).toContain(
    'client_output_buffer_limit_disconnections:1\r\n',
  );
  await expect.poll(() => trackedBy(fixture)).toContain('tracking_clients:0\r\n');
});

test('a client that leaves leaves nothing behind', async () => {
  const fixture = await start();
  const { address } = fixture.proxy;
  const observer = await connect(address);
  const target = await connect(address);
  const id = await textOf(target, 'CLIENT ID');
  for (const leave of ['close', 'QUIT', 'RESET'] as const) {
    const client = await connect(address, 2);
    expect(await textOf(client, `CLIENT TRACKING ON REDIRECT ${id} OPTIN`)).toBe('OK');
    await textOf(client, 'WATCH w');
    if (leave === 'QUIT') await client.send(encodeCommand(['BLPOP', 'l', '0']));
    else await textOf(client, 'CLIENT CACHING YES');
    expect(await textOf(observer, 'INFO clients')).toContain('tracking_clients:1\r\n');
    if (leave === 'close' || leave === 'QUIT') await client.close();
    else expect(await textOf(client, leave)).toBe('RESET');
    await expect.poll(() => textOf(observer, 'INFO clients')).toContain('tracking_clients:0\r\n');
    expect(await textOf(observer, 'INFO undermoon')).toContain('dedicated_connections:0\r\n');
  }
  await expect.poll(() => trackedBy(fixture)).toContain('tracking_clients:0\r\n');
  expect(received(target)).not.toContain('invalidate');
});

test('a redirection to a client that is gone', async () => {
  const fixture = await start();
  const { address } = fixture.proxy;
  const client = await connect(address);
  const target = await connect(address);
  const writer = await connect(address);
  const id = await textOf(target, 'CLIENT ID');
  await textOf(client, `CLIENT TRACKING ON REDIRECT ${id} BCAST`);
  const ownId = await textOf(client, 'CLIENT ID');
  const line = ` flags=tB .* redir=${id} `;
  expect(await textOf(writer, `CLIENT LIST ID ${ownId}`)).toMatch(new RegExp(line));
  await target.close();
  await textOf(writer, 'SET k 1');
  const broken = `>2\r\n$21\r\ntracking-redir-broken\r\n:${id}\r\n`;
  await expect.poll(() => received(client)).toContain(broken);
  expect(await textOf(client, 'CLIENT INFO')).toContain(' flags=tRB ');
  const offset = received(client).length;
  await textOf(client, 'CLIENT TRACKINGINFO');
  expect(received(client, offset)).toContain('broken_redirect');
  expect(await textOf(client, 'CLIENT TRACKING ON BCAST')).toBe('OK');
  await textOf(writer, 'SET k 2');
  await expect.poll(() => received(client)).toContain(keyPush('k'));
});

test('tracking is not changed between WATCH and EXEC, nor in a transaction', async () => {
  const fixture = await start();
  const client = await connect(fixture.proxy.address);
  const refusal =
    'ERR CLIENT TRACKING is not available between WATCH and EXEC, send it before WATCH';
  await textOf(client, 'WATCH k');
  expect(await textOf(client, 'CLIENT TRACKING ON')).toBe(refusal);
  await textOf(client, 'UNWATCH');
  expect(await textOf(client, 'CLIENT TRACKING ON')).toBe('OK');
  await textOf(client, 'WATCH k');
  expect(await textOf(client, 'CLIENT TRACKING OFF')).toBe(refusal);
  await textOf(client, 'MULTI');
  expect(await textOf(client, 'CLIENT TRACKING OFF')).toMatch(
    /^ERR 'CLIENT TRACKING in MULTI' is not available .*; send it before MULTI$/,
  );
  expect(await textOf(client, 'EXEC')).toMatch(/^EXECABORT/);
  expect(await textOf(client, 'CLIENT TRACKING OFF')).toBe('OK');
});

test.each([1, 3])('redirections with %i loops', async (threads) => {
  const fixture = await start({ threads });
  const { address } = fixture.proxy;
  const all: RawClient[] = [];
  for (let i = 0; i < 6; i++) all.push(await connect(address));
  const ids: string[] = [];
  for (const client of all) ids.push(await textOf(client, 'CLIENT ID'));
  for (const [i, client] of all.entries()) {
    const line = `CLIENT TRACKING ON REDIRECT ${ids[(i + 1) % 6]}`;
    expect(await textOf(client, line)).toBe('OK');
    await textOf(client, `GET key${i}`);
  }
  await expect.poll(() => textOf(all[0]!, 'INFO clients')).toContain('tracking_clients:6\r\n');
  for (let i = 0; i < 6; i++) await textOf(all[3]!, `SET key${i} 1`);
  for (const [i, client] of all.entries()) {
    await expect.poll(() => received(client)).toContain(keyPush(`key${(i + 5) % 6}`));
  }
});

test('a command for several servers is answered before what they tell about it', async () => {
  const fixture = await start({ plainAddress: '127.0.0.1:0' }, ['0-8191', '8192-16383']);
  const plain = fixture.proxy.plainAddress ?? '';
  const client = await connect(plain);
  const writer = await connect(plain);
  expect(await textOf(client, 'CLIENT TRACKING ON OPTIN')).toBe('OK');
  // "a" and "b" are at different servers.
  await textOf(writer, 'MSET a 1 b 2');
  for (let i = 0; i < 100; i++) {
    const offset = received(client).length;
    await client.send(
      Buffer.concat([
        encodeCommand(['CLIENT', 'CACHING', 'YES']),
        encodeCommand(['MGET', 'a', 'b']),
      ]),
    );
    await textOf(writer, `MSET a ${i} b ${i}`);
    await expect.poll(() => countOf(received(client, offset), 'invalidate')).toBe(2);
    const text = received(client, offset);
    const invalidated = text.indexOf('invalidate');
    expect(text.slice(0, invalidated)).toMatch(/^\+OK\r\n\*2\r\n(?:\$\d+\r\n\d+\r\n){2}>2/);
  }
});

test('reads from copies are tracked by the copies', async () => {
  const [master, replica] = await Promise.all([startRedis(), startRedis()]);
  const options = { address: '127.0.0.1:0', replicationCheckIntervalMs: 50 };
  const [proxy, replicaProxy] = [createProxyServer(options), createProxyServer(options)];
  await Promise.all([proxy.listen(), replicaProxy.listen()]);
  tell([{ master, replica, proxy, replicaProxy, slots: [[0, 16_383]] }], 1);
  await (await readerOf(replicaProxy, 'k')).close();
  const writer = await connect(proxy.address);
  // Tracking begins behind READONLY, and ahead of it.
  for (const lines of [
    ['READONLY', 'CLIENT TRACKING ON'],
    ['CLIENT TRACKING ON', 'READONLY'],
  ]) {
    const client = await connect(replicaProxy.address);
    for (const line of lines) expect(await textOf(client, line)).toBe('OK');
    expect(await textOf(client, 'GET k')).not.toMatch(/^MOVED/);
    expect(await textOf(writer, `SET k ${lines.length}`)).toBe('OK');
    await expect.poll(() => received(client)).toContain(keyPush('k'));
  }
  proxy.destroy();
  replicaProxy.destroy();
  await Promise.all([master.stop(), replica.stop()]);
});

test('node-redis caches what it reads, and hears of changes', async () => {
  const fixture = await start({ plainAddress: '127.0.0.1:0' });
  const url = `redis://${fixture.proxy.plainAddress}`;
  const client = createClient({ url, RESP: 3, clientSideCache: { ttl: 0, maxEntries: 0 } });
  client.on('error', () => undefined);
  await client.connect();
  const writer = await connect(fixture.proxy.plainAddress ?? '');
  const processed = async (): Promise<number> => {
    await using direct = await RawClient.connect(fixture.redis[0]?.address ?? '');
    return Number(/cmdstat_get:calls=(\d+)/.exec(await textOf(direct, 'INFO commandstats'))?.[1]);
  };
  await textOf(writer, 'SET k 1');
  expect(await client.get('k')).toBe('1');
  const before = await processed();
  for (let i = 0; i < 10; i++) expect(await client.get('k')).toBe('1');
  expect(await processed()).toBe(before);
  for (let i = 2; i < 20; i++) {
    await textOf(writer, `SET k ${i}`);
    await expect.poll(() => client.get('k')).toBe(`${i}`);
  }
  client.destroy();
});
