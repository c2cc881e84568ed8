// What becomes of commands when a connection to a Redis server breaks or cannot be made.
import { encodeCommand } from '@undermoon/resp';
import {
  RawClient,
  type ScriptStep,
  startFaultRelay,
  startRedis,
  startScriptedPeer,
} from '@undermoon/testkit';
import type { Clock } from '@undermoon/runtime';
import { systemClock } from '@undermoon/runtime/node';
import { expect, test } from 'vitest';
import { createProxyServer, type ProxyServerOptions } from '../src/index.ts';
import { ALL_SLOTS, setCluster, startFixture } from './fixture.ts';

const LOST = /^ERR connection to .* was lost, the command may have been executed$/;

async function infoOf(client: RawClient): Promise<(name: string) => number> {
  const info = await client.command('INFO', 'undermoon');
  const text = 'value' in info ? String(info.value) : '';
  return (name) => Number(new RegExp(`backend_commands_${name}:(\\d+)`).exec(text)?.[1]);
}

function pipeline(...lines: string[]): Buffer {
  return Buffer.concat(lines.map((line) => encodeCommand(line.split(' '))));
}

function valuesOf(replies: readonly object[]): string[] {
  return replies.map((reply) => ('value' in reply ? String(reply.value) : JSON.stringify(reply)));
}

/** Sends `lines` through a proxy to a server that plays a script for each connection. */
async function play(
  connections: readonly (readonly ScriptStep[])[],
  lines: readonly string[],
  options: ProxyServerOptions = {},
): Promise<string[]> {
  await using peer = await startScriptedPeer({ connections });
  const proxy = createProxyServer({ address: '127.0.0.1:0', backendConnNum: 1, ...options });
  await proxy.listen();
  await setCluster(proxy, [[peer.address, ALL_SLOTS]], { roles: false });
  await using client = await RawClient.connect(proxy.address);
  await client.send(pipeline(...lines));
  const replies = await client.replies(lines.length);
  await peer.done;
  proxy.destroy();
  return valuesOf(replies);
}

test('commands wait for a server that starts again, and are executed in order', async () => {
  const fixture = await startFixture([ALL_SLOTS], { backendWaitMs: 60_000 });
  await using client = await fixture.connect();
  await client.command('SET', 'a', '1');
  await fixture.redis[0]?.kill('SIGKILL');
  await client.send(pipeline('INCR n', 'PING', 'INCR n', 'MULTI', 'INCR n', 'GET n', 'EXEC'));
  await fixture.redis[0]?.restart();
  const replies = await client.replies(7);
  expect(valuesOf(replies.slice(0, 3))).toEqual(['1', 'PONG', '2']);
  expect(replies[6]).toMatchObject({ items: [{ value: 3 }, { value: Buffer.from('3') }] });
  const count = await infoOf(client);
  expect([count('retried') > 0, count('lost'), count('unreachable')]).toEqual([true, 0, 0]);
  await fixture.stop();
});

test('the time to wait ends once for all, then commands fail at once until the server is back', async () => {
  let isRunning = false;
  let nowMs = 1000;
  const clock: Clock = {
    ...systemClock,
    // Each tick is the longest that counts.
    monotonicMs: () => (isRunning ? (nowMs += 200) : nowMs),
  };
  const fixture = await startFixture(['0-8191', '8192-16383'], {
    backendWaitMs: 2000,
    clock,
  });
  await using client = await fixture.connect();
  await fixture.redis[0]?.kill('SIGKILL');
  // "b" is on the first server, "a" on the second.
  await client.send(pipeline('GET b', 'SET a 1', 'GET b', 'GET a'));
  await using other = await fixture.connect();
  await other.command('PING');
  expect(client.receivedBytes.length).toBe(0);
  isRunning = true;
  const gone = `CLUSTERDOWN Hash slot not served: cannot reach ${fixture.redis[0]?.address}`;
  expect(valuesOf(await client.replies(4))).toEqual([gone, 'OK', gone, '1']);
  // While no time passes, a command that waits does so for ever.
  isRunning = false;
  for (let i = 0; i < 5; i++) {
    expect(await client.command('GET', 'b')).toMatchObject({ value: gone });
  }
  // What the proxy asks for itself is not counted: here, both servers whether they know a command.
  expect(await client.command('NO.SUCH.COMMAND')).toMatchObject({ type: 'error' });
  expect((await infoOf(client))('unreachable')).toBe(7);
  isRunning = true;
  await fixture.redis[0]?.restart();
  await expect.poll(async () => (await client.command('GET', 'b')).type).toBe('null');
  await fixture.stop();
});

test('with no time to wait, commands fail at once', async () => {
  const fixture = await startFixture([ALL_SLOTS], { backendWaitMs: 0 });
  await using client = await fixture.connect();
  await fixture.redis[0]?.kill('SIGKILL');
  expect(await client.command('GET', 'b')).toMatchObject({ type: 'error' });
  await fixture.stop();
});

test('what waits is bounded: beyond that clients are not read', async () => {
  const fixture = await startFixture([ALL_SLOTS], {
    backendWaitMs: 60_000,
    backendQueuedBytesMax: 50_000,
    backendConnNum: 1,
  });
  await using client = await fixture.connect();
  await fixture.redis[0]?.kill('SIGKILL');
  const value = 'v'.repeat(1000);
  const sent = client.send(
    pipeline(...Array.from({ length: 20_000 }, (_, i) => `SET k${i} ${value}`)),
  );
  await using other = await fixture.connect();
  const pending = async (): Promise<number> => {
    const [info = ''] = valuesOf([await other.command('INFO', 'undermoon')]);
    return Number(/pending=(\d+)/.exec(info)?.[1]);
  };
  await expect.poll(pending).toBeGreaterThan(0);
  // The chunk in hand is taken whole, then no more.
  for (let i = 0; i < 20; i++) expect(await pending()).toBeLessThan(200);
  await fixture.redis[0]?.restart();
  const replies = await client.replies(20_000);
  expect(new Set(valuesOf(replies))).toEqual(new Set(['OK']));
  await sent;
  await fixture.stop();
});

test('a read whose reply was lost is sent again, a write is not', async () => {
  const replies = await play(
    [
      [{ expect: ['SET', 'a', '1'] }, { expect: ['GET', 'a'], connection: 'reset' }],
      [{ expect: ['GET', 'a'], reply: '$1\r\n1\r\n' }],
    ],
    ['SET a 1', 'GET a'],
  );
  expect(replies[0]).toMatch(LOST);
  expect(replies[1]).toBe('1');
});

test('a read before a lost write is not sent again', async () => {
  const replies = await play(
    [[{ expect: ['GET', 'a'] }, { expect: ['SET', 'a', '1'], connection: 'end' }]],
    ['GET a', 'SET a 1'],
  );
  expect(replies.every((reply) => LOST.test(reply))).toBe(true);
});

test('a read is sent again and again, but not for longer than commands wait', async () => {
  const drop: readonly ScriptStep[] = [{ expect: ['GET', 'a'], connection: 'end' }];
  expect(
    await play([drop, drop, [{ expect: ['GET', 'a'], reply: ':7\r\n' }]], ['GET a'], {
      backendWaitMs: 10_000,
    }),
  ).toEqual(['7']);
  await using peer = await startScriptedPeer({
    connections: Array.from({ length: 50 }, () => drop),
  });
  const proxy = createProxyServer({ address: '127.0.0.1:0', backendWaitMs: 300 });
  await proxy.listen();
  await setCluster(proxy, [[peer.address, ALL_SLOTS]], { roles: false });
  await using client = await RawClient.connect(proxy.address);
  expect(valuesOf([await client.command('GET', 'a')])[0]).toMatch(LOST);
  // Not in a tight loop either.
  expect(peer.requests.length).toBeLessThan(10);
  proxy.destroy();
});

test('with nothing kept no read is sent again', async () => {
  const replies = await play([[{ expect: ['GET', 'a'], connection: 'end' }]], ['GET a'], {
    backendResendBytesMax: 0,
  });
  expect(replies[0]).toMatch(LOST);
});

test('a transaction that was sent is not repeated, one that only reads neither', async () => {
  const script: readonly ScriptStep[] = [
    { expect: ['MULTI'] },
    { expect: ['GET', 'a'] },
    { expect: ['EXEC'], connection: 'end' },
  ];
  const replies = await play([script], ['MULTI', 'GET a', 'EXEC']);
  expect(replies.slice(0, 2)).toEqual(['OK', 'QUEUED']);
  expect(replies[2]).toMatch(LOST);
});

test('a server that answers late is not asked again, and its reply goes to nobody', async () => {
  const redis = await startRedis();
  const relay = await startFaultRelay({ target: { port: redis.port } });
  const proxy = createProxyServer({
    address: '127.0.0.1:0',
    backendConnNum: 1,
    backendTimeoutMs: 300,
  });
  await proxy.listen();
  await setCluster(proxy, [[relay.address, ALL_SLOTS]], { roles: false });
  await using client = await RawClient.connect(proxy.address);
  await client.command('SET', 'a', '1');
  relay.freeze(['down']);
  const accepted = relay.acceptedCount;
  await client.send(pipeline('GET a', 'INCR n'));
  for (const reply of valuesOf(await client.replies(2)))
    expect(reply).toMatch(/^ERR no reply from/);
  relay.thaw();
  expect(valuesOf([await client.command('GET', 'n')])).toEqual(['1']);
  expect(relay.acceptedCount).toBe(accepted + 1);
  proxy.destroy();
  await relay.close();
  await redis.stop();
});

test('commands that wait go where a new table says: MOVED, or the other server', async () => {
  const fixture = await startFixture(['0-8191', '8192-16383'], {
    backendWaitMs: 60_000,
    plainAddress: '127.0.0.1:0',
  });
  const [down, up] = fixture.redis;
  await using client = await fixture.connect();
  await using other = await fixture.connect();
  await down?.kill('SIGKILL');
  // "b" has slot 3300, "f" 3168, "a" 15495.
  await client.send(pipeline('SET b 1', 'SET a 1', 'SET f 1', 'MULTI', 'SET b 2', 'EXEC', 'GET a'));
  await other.command('PING');
  const moved = [[up?.address ?? '', '3200-16383']] as const;
  await setCluster(fixture.proxy, moved, { epoch: 2, peers: [['127.0.0.9:6000', '0-3199']] });
  const replies = await client.replies(7);
  expect(valuesOf(replies.slice(0, 5))).toEqual([
    'OK',
    'OK',
    'MOVED 3168 127.0.0.9:6000',
    'OK',
    'QUEUED',
  ]);
  expect(replies[5]).toMatchObject({ items: [{ value: 'OK' }] });
  expect(valuesOf([replies[6] ?? {}, await client.command('GET', 'b')])).toEqual(['1', '2']);
  await fixture.stop();
});

test('reads that were sent to a server that lost its slots are answered by the next owner', async () => {
  const peer = await startScriptedPeer({
    connections: [[{ expect: ['GET', 'b'] }, { expect: ['GET', 'f'], connection: 'hang' }]],
  });
  const heir = await startRedis();
  const proxy = createProxyServer({ address: '127.0.0.1:0', backendConnNum: 1 });
  await proxy.listen();
  await setCluster(proxy, [[peer.address, ALL_SLOTS]], { roles: false });
  await using client = await RawClient.connect(proxy.address);
  await using direct = await RawClient.connect(heir.address);
  await direct.command('SET', 'b', 'new');
  await client.send(pipeline('GET b', 'GET f', 'PING'));
  await peer.done;
  const peers = [['127.0.0.9:6000', '0-3199']] as const;
  await setCluster(proxy, [[heir.address, '3200-16383']], { roles: false, epoch: 2, peers });
  await client.send(pipeline('GET b'));
  await peer.close();
  expect(valuesOf(await client.replies(4))).toEqual([
    'new',
    'MOVED 3168 127.0.0.9:6000',
    'PONG',
    'new',
  ]);
  proxy.destroy();
  await heir.stop();
});

test('plain clients get the reply of another proxy that took over', async () => {
  const heir = await startRedis();
  const proxy = createProxyServer({
    address: '127.0.0.1:0',
    plainAddress: '127.0.0.1:0',
    backendWaitMs: 60_000,
  });
  await proxy.listen();
  const gone = await startRedis();
  await gone.stop();
  const local = await startRedis();
  const serves = (peer: string, epoch: number): Promise<void> =>
    setCluster(proxy, [[local.address, '8192-16383']], { peers: [[peer, '0-8191']], epoch });
  await serves(gone.address, 1);
  await using client = await RawClient.connect(proxy.plainAddress ?? '');
  await client.send(pipeline('SET b 1', 'SET a 2', 'MGET b', 'MGET a b', 'DEL b'));
  await using other = await RawClient.connect(proxy.address);
  await other.command('PING');
  await serves(heir.address, 2);
  const replies = await client.replies(5);
  expect(replies).toMatchObject([
    { value: 'OK' },
    { value: 'OK' },
    { items: [{ value: Buffer.from('1') }] },
    { items: [{ value: Buffer.from('2') }, { value: Buffer.from('1') }] },
    { value: 1 },
  ]);
  proxy.destroy();
  await Promise.all([heir.stop(), local.stop()]);
});

test('a command that would block waits for its server as the others do', async () => {
  const fixture = await startFixture([ALL_SLOTS], { backendWaitMs: 60_000 });
  await using client = await fixture.connect();
  await fixture.redis[0]?.kill('SIGKILL');
  const popped = client.command('BLPOP', 'q', '0');
  await using other = await fixture.connect();
  await other.send(pipeline('RPUSH q x'));
  await fixture.redis[0]?.restart();
  expect(await other.reply()).toMatchObject({ value: 1 });
  expect(await popped).toMatchObject({ items: [{}, { value: Buffer.from('x') }] });
  await fixture.stop();
});

test('a script that the server lost is loaded again before the EVALSHA that waited', async () => {
  const fixture = await startFixture([ALL_SLOTS], { backendWaitMs: 60_000 });
  await using client = await fixture.connect();
  const loaded = await client.command('SCRIPT', 'LOAD', 'return ARGV[1]');
  const digest = 'value' in loaded ? String(loaded.value) : '';
  expect(await client.command('EVALSHA', digest, '1', 'a', 'x')).toMatchObject({ type: 'bulk' });
  await fixture.redis[0]?.kill('SIGKILL');
  const waiting = client.command('EVALSHA', digest, '1', 'a', 'y');
  await fixture.redis[0]?.restart();
  expect(await waiting).toMatchObject({ value: Buffer.from('y') });
  await fixture.stop();
});
