// Scripts that another proxy of the cluster knows.
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import type { Clock } from '@undermoon/runtime';
import { systemClock } from '@undermoon/runtime/node';
import { encodeCommand } from '@undermoon/resp';
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../src/index.ts';
import { ALL_SLOTS, setCluster, startFixture } from './fixture.ts';
import { transcript } from './reference.ts';

const PASSWORD = 'secret of the clients';
const RANGES = ['0-8191', '8192-16383'] as const;
// b is in the first range, a in the second.
const KEYS = ['b', 'a'] as const;

let servers: RedisServer[] = [];
let proxies: ProxyServer[] = [];
let clients: RawClient[] = [];

beforeEach(async () => {
  servers = await Promise.all(RANGES.map(() => startRedis()));
  proxies = await Promise.all(RANGES.map(() => startProxy()));
  const [first, second] = proxies;
  const [one, two] = servers;
  await setCluster(first!, [[one!.address, RANGES[0]]], { peers: [[second!.address, RANGES[1]]] });
  await setCluster(second!, [[two!.address, RANGES[1]]], { peers: [[first!.address, RANGES[0]]] });
  clients = await Promise.all(proxies.map(({ address }) => connect(address)));
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  for (const proxy of proxies) proxy.destroy();
  await Promise.all(servers.map((server) => server.stop()));
});

async function startProxy(options: ProxyServerOptions = {}): Promise<ProxyServer> {
  const proxy = createProxyServer({
    address: '127.0.0.1:0',
    plainAddress: '127.0.0.1:0',
    password: PASSWORD,
    ...options,
  });
  await proxy.listen();
  return proxy;
}

async function connect(address: string): Promise<RawClient> {
  const client = await RawClient.connect(address);
  await client.command('AUTH', PASSWORD);
  return client;
}

function digestOf(script: string): string {
  return createHash('sha1').update(script).digest('hex');
}

async function answersOf(client: RawClient, lines: readonly string[]): Promise<string[]> {
  const answers = await transcript(client, lines);
  return answers.map((answer, i) => answer.slice((lines[i]?.length ?? 0) + 4));
}

const NOSCRIPT = '-NOSCRIPT No matching script. Please use EVAL.\r\n';

test.each(['SCRIPT LOAD', 'EVAL'])('%s at one proxy, EVALSHA at the other', async (command) => {
  const [first, second] = clients;
  // Ends in white space and is no text: it has to come over as it is.
  const script = Buffer.from('return redis.call("INCRBY", KEYS[1], 2) -- \xff\r\n ', 'latin1');
  const digest = createHash('sha1').update(script).digest('hex');
  if (command === 'EVAL') await first!.command('EVAL', script, '1', KEYS[0]);
  else await first!.command('SCRIPT', 'LOAD', script);
  const calls = [
    'SET a 1',
    `EVALSHA ${digest} 1 a`,
    'INCR a',
    `evalsha ${digest.toUpperCase()} 1 a`,
  ];
  await second!.send(Buffer.concat(calls.map((line) => encodeCommand(line.split(' ')))));
  expect(await second!.replies(4)).toMatchObject(['OK', 3, 4, 6].map((value) => ({ value })));
  await servers[1]!.restart();
  await expect.poll(() => answersOf(second!, [`EVALSHA ${digest} 1 n{a}`])).toEqual([':2\r\n']);
});

test('inside MULTI, in SCRIPT EXISTS, and over the plain port', async () => {
  const [first, second] = clients;
  const scripts = [1, 2, 3].map((n) => `return ${n}`);
  const digests = scripts.map(digestOf);
  for (const script of scripts) await first!.command('SCRIPT', 'LOAD', script);
  const [one, two, three] = digests;
  expect(await answersOf(second!, ['MULTI', `EVALSHA ${one} 1 a`, 'PING', 'EXEC'])).toEqual([
    '+OK\r\n',
    '+QUEUED\r\n',
    '+QUEUED\r\n',
    '*2\r\n:1\r\n+PONG\r\n',
  ]);
  const unknown = digestOf('return 4');
  expect(await answersOf(second!, [`SCRIPT EXISTS ${two} ${unknown} x`])).toEqual([
    '*3\r\n:1\r\n:0\r\n:0\r\n',
  ]);
  expect(await answersOf(second!, ['MULTI', `SCRIPT EXISTS ${two} ${unknown}`, 'EXEC'])).toEqual([
    '+OK\r\n',
    '+QUEUED\r\n',
    '*1\r\n*2\r\n:1\r\n:0\r\n',
  ]);
  const plain = await connect(proxies[1]!.plainAddress ?? '');
  const calls = KEYS.map((key) => `EVALSHA ${three} 1 ${key}`);
  expect(await answersOf(plain, calls)).toEqual([':3\r\n', ':3\r\n']);
  await plain.close();
});

test('SCRIPT FLUSH is for the whole cluster', async () => {
  const [first, second] = clients;
  const digest = digestOf('return 1');
  await first!.command('SCRIPT', 'LOAD', 'return 1');
  const call = `EVALSHA ${digest} 1 a`;
  expect(await answersOf(second!, [call, 'SCRIPT FLUSH', call])).toEqual([
    ':1\r\n',
    '+OK\r\n',
    NOSCRIPT,
  ]);
  expect(await answersOf(first!, [`EVALSHA ${digest} 1 b`])).toEqual([NOSCRIPT]);
  await first!.command('SCRIPT', 'LOAD', 'return 1');
  await first!.command('MULTI');
  await first!.command('SCRIPT', 'FLUSH');
  await first!.command('EXEC');
  await expect
    .poll(() => answersOf(second!, [`SCRIPT EXISTS ${digest}`]))
    .toEqual(['*1\r\n:0\r\n']);
});

test('other proxies give scripts to those that know the password only', async () => {
  await clients[0]!.command('SCRIPT', 'LOAD', 'return 1');
  const digest = digestOf('return 1');
  expect(await answersOf(clients[0]!, [`UMCTL SCRIPT GET ${digest}`, 'UMCTL SCRIPT X'])).toEqual([
    '$8\r\nreturn 1\r\n',
    '-ERR expected UMCTL SCRIPT GET <digest> or UMCTL SCRIPT FLUSH\r\n',
  ]);
  await using stranger = await RawClient.connect(proxies[0]!.address);
  expect(await answersOf(stranger, [`UMCTL SCRIPT GET ${digest}`])).toEqual([
    '-NOAUTH Authentication required.\r\n',
  ]);
});

test('a text that is no script is not there, wherever it was run', async () => {
  const [first, second] = clients;
  const digest = digestOf('return (');
  expect((await first!.command('EVAL', 'return (', '1', 'b')).type).toBe('error');
  const calls = [`SCRIPT EXISTS ${digest}`, `EVALSHA ${digest} 1 b`];
  expect(await answersOf(first!, calls)).toEqual(['*1\r\n:0\r\n', NOSCRIPT]);
  expect(await answersOf(second!, [`EVALSHA ${digest} 1 a`])).toEqual([NOSCRIPT]);
});

/** A proxy that takes questions, counts them and says nothing, or what is not the script. */
async function startSilentPeer(answer: string): Promise<{ server: Server; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.on('data', (bytes) => {
      asked.push(...(String(bytes).match(/[0-9a-f]{40}/g) ?? []));
      socket.write(answer);
    });
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, asked };
}

test.each(['', '$8\r\nreturn 2\r\n', '$-1\r\n', '-ERR Invalid sub command\r\n'])(
  'a peer that answers %j holds nothing up, and is asked once for all who wait',
  async (answer) => {
    const { server, asked } = await startSilentPeer(answer);
    const bound = server.address();
    const port = typeof bound === 'object' ? bound?.port : 0;
    const peers = [[`127.0.0.1:${port}`, '8192-16383']] as const;
    const fixture = await startFixture([RANGES[0]], { scriptLookupMs: 50 }, peers);
    const waiting = await Promise.all(Array.from({ length: 5 }, () => fixture.connect()));
    const digest = digestOf('return 1');
    const call = [`EVALSHA ${digest} 1 b`, 'PING'];
    for (const answers of await Promise.all(waiting.map((one) => answersOf(one, call)))) {
      expect(answers).toEqual([NOSCRIPT, '+PONG\r\n']);
    }
    expect(asked).toEqual([digest]);
    // Loaded here, it is known at once; and what the server has needs no peer.
    await waiting[0]!.command('SCRIPT', 'LOAD', 'return 1');
    expect(await answersOf(waiting[1]!, call)).toEqual([':1\r\n', '+PONG\r\n']);
    await using direct = await RawClient.connect(fixture.redis[0]!.address);
    await direct.command('SCRIPT', 'LOAD', 'return 3');
    expect(await answersOf(waiting[1]!, [`EVALSHA ${digestOf('return 3')} 1 b`])).toEqual([
      ':3\r\n',
    ]);
    expect(asked).toEqual([digest]);
    await Promise.all(waiting.map((one) => one.close()));
    await fixture.stop();
    server.close();
  },
);

test('scripts that are asked for at once are bounded, and so is what is remembered', async () => {
  const { server, asked } = await startSilentPeer('');
  const bound = server.address();
  const port = typeof bound === 'object' ? bound?.port : 0;
  const limits = { scriptLookupsMax: 1, scriptDigestsMax: 2, scriptLookupMs: 54_321 };
  let giveUp = (): void => undefined;
  const after: Clock['after'] = (delayMs, callback) => {
    if (delayMs !== limits.scriptLookupMs) return systemClock.after(delayMs, callback);
    giveUp = callback;
    return () => undefined;
  };
  const options = { ...limits, clock: { ...systemClock, after } };
  const fixture = await startFixture([ALL_SLOTS], options, [[`127.0.0.1:${port}`, '0-16383']]);
  const waiting = await Promise.all(Array.from({ length: 4 }, () => fixture.connect()));
  const digests = waiting.map((_, i) => digestOf(`return ${i}`));
  const [first = '', ...others] = digests;
  const slow = answersOf(waiting[0]!, [`EVALSHA ${first} 1 b`]);
  await expect.poll(() => asked).toEqual([first]);
  for (const [i, digest] of others.entries()) {
    expect(await answersOf(waiting[i + 1]!, [`EVALSHA ${digest} 1 b`])).toEqual([NOSCRIPT]);
  }
  giveUp();
  expect(await slow).toEqual([NOSCRIPT]);
  expect(asked).toEqual([first]);
  await Promise.all(waiting.map((one) => one.close()));
  await fixture.stop();
  server.close();
});

test('a script that was run by one loop is known to the others', async () => {
  const fixture = await startFixture([ALL_SLOTS], { threads: 2 });
  const all = await Promise.all(Array.from({ length: 4 }, () => fixture.connect()));
  await all[0]!.command('EVAL', 'return 1', '1', 'a');
  // The server has lost it, so somebody has to give it.
  await fixture.redis[0]!.restart();
  const call = `EVALSHA ${digestOf('return 1')} 1 a`;
  for (const client of all) {
    await expect.poll(() => answersOf(client, ['GET a'])).toEqual(['$-1\r\n']);
    expect(await answersOf(client, [call, `UMCTL SCRIPT GET ${digestOf('return 1')}`])).toEqual([
      ':1\r\n',
      '$8\r\nreturn 1\r\n',
    ]);
  }
  await Promise.all(all.map((client) => client.close()));
  await fixture.stop();
});
