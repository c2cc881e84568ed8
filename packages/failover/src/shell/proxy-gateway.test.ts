import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { parseSetCluster, setClusterOf } from '@undermoon/cluster-meta';
import { systemClock } from '@undermoon/runtime/node';
import { RespWriter } from '@undermoon/resp';
import { afterEach, describe, expect, test } from 'vitest';
import { address, clusterOf, epoch, freeProxy, stable } from '../../test/fixtures.ts';
import { answerAsProxy, PeerProxy } from '../../test/peer-proxy.ts';
import { VirtualClock } from '../../test/virtual-clock.ts';
import { documentsOf } from '../core/documents.ts';
import { ProxyGateway } from './proxy-gateway.ts';

const BOTH = { repl: true, cluster: true };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function peerProxy(): Promise<PeerProxy> {
  const peer = await new PeerProxy().listen();
  cleanups.push(() => peer.close());
  return peer;
}

function gateway(timeoutMs = 2000, compress = false): ProxyGateway {
  const created = new ProxyGateway({ clock: systemClock, timeoutMs, compress });
  cleanups.push(() => created.destroy());
  return created;
}

async function unusedAddress(): Promise<ReturnType<typeof address>> {
  const peer = await new PeerProxy().listen();
  const free = peer.address;
  await peer.close();
  return free;
}

describe('ping', () => {
  test('any reply means alive, also an error; nothing but PING is sent', async () => {
    const peer = await peerProxy();
    const proxies = gateway();
    await proxies.ping(peer.address);
    peer.answer = () => Buffer.from('-NOAUTH Authentication required\r\n');
    await proxies.ping(peer.address);
    peer.answer = () => Buffer.from(':1\r\n');
    await proxies.ping(peer.address);
    expect(peer.commands.map((words) => words.map((word) => word.toUpperCase()))).toEqual([
      ['PING'],
      ['PING'],
      ['PING'],
    ]);
    expect(peer.connectionCount).toBe(1);
  });

  test('a refused connection fails at once, and the next probe tries again', async () => {
    const free = await unusedAddress();
    const proxies = gateway();
    await expect(proxies.ping(free)).rejects.toMatchObject({ code: 'PROXY_UNREACHABLE' });
    const peer = await new PeerProxy().listen(Number(free.split(':')[1]));
    cleanups.push(() => peer.close());
    await proxies.ping(free);
    expect(proxies.connectionCount).toBe(1);
  });

  test('garbage is not a reply', async () => {
    const peer = await peerProxy();
    peer.answer = () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n');
    const proxies = gateway(1000);
    await expect(proxies.ping(peer.address)).rejects.toMatchObject({
      code: expect.stringMatching(/^PROXY_/) as string,
    });
    peer.answer = answerAsProxy;
    await proxies.ping(peer.address);
  });

  test('a connection closed instead of an answer is a failure', async () => {
    const peer = await peerProxy();
    peer.answer = () => {
      peer.dropConnections();
      return null;
    };
    await expect(gateway().ping(peer.address)).rejects.toMatchObject({
      code: 'PROXY_CONNECTION_LOST',
    });
  });

  test('a frozen proxy costs each probe its own time limit, and no connection is left waiting', async () => {
    const peer = await peerProxy();
    const clock = new VirtualClock();
    const proxies = new ProxyGateway({ clock, timeoutMs: 100, compress: false });
    cleanups.push(() => proxies.destroy());
    await proxies.ping(peer.address);
    peer.isFrozen = true;
    const first = rejectionOf(proxies.ping(peer.address));
    clock.advance(50);
    const second = rejectionOf(proxies.ping(peer.address));
    clock.advance(50);
    expect(await first).toMatchObject({ code: 'PROXY_TIMEOUT' });
    // A new probe does not wait behind the unanswered ones: it gets a connection of its own.
    const third = rejectionOf(proxies.ping(peer.address));
    clock.advance(50);
    expect(await second).toMatchObject({ code: 'PROXY_TIMEOUT' });
    clock.advance(50);
    expect(await third).toMatchObject({ code: 'PROXY_TIMEOUT' });
    expect(proxies.connectionCount).toBe(0);
    await peer.until(() => peer.connections.size === 0);
    peer.isFrozen = false;
    await proxies.ping(peer.address);
    expect(peer.connections.size).toBe(1);
  });

  test('the answer to an earlier probe comes late, to the later ones in time', async () => {
    const peer = await peerProxy();
    const proxies = gateway(10_000);
    const held: Buffer[] = [];
    peer.answer = () => {
      held.push(Buffer.from('+PONG\r\n'));
      return null;
    };
    const probes = [proxies.ping(peer.address), proxies.ping(peer.address)];
    await peer.until(() => held.length === 2);
    for (const socket of peer.connections) socket.write(Buffer.concat(held));
    expect(await Promise.all(probes)).toEqual([undefined, undefined]);
  });
});

describe('inspect', () => {
  test('tells epoch and finished migrations, on the second connection', async () => {
    const peer = await peerProxy();
    peer.clusterEpoch = 7;
    peer.finished = [
      'demo MIGRATING 1 4096-8191 7 10.0.1.1:6001 10.0.1.1:7001 10.0.1.3:6001 10.0.1.3:7001',
    ];
    const proxies = gateway();
    await proxies.ping(peer.address);
    const inspection = await proxies.inspect(peer.address);
    expect(inspection).toMatchObject({ epoch: 7, code: null });
    expect(inspection.tasks[0]?.slots.ranges).toEqual([[4096, 8191]]);
    expect(peer.connectionCount).toBe(2);
  });

  const LINES = [
    'role:master\n',
    'node_address:10.0.1.1:7001\n',
    'missed_ms:7\n',
    'copied_ms:-1\n',
  ];
  const servers = [{ node: '10.0.1.1:7001', master: null, missedMs: 7, copiedMs: null }];

  test.each([
    [{ INFOMGR: '-ERR no' }, { epoch: 9, tasks: [], servers, code: 'PROXY_REFUSED' }],
    [{ INFOMGR: '*1\r\n$2\r\nno' }, { epoch: 9, tasks: [], servers, code: 'PROXY_BAD_REPLY' }],
    [{ GETEPOCH: '-ERR no' }, { epoch: null, tasks: [], servers, code: 'PROXY_REFUSED' }],
    // A proxy that cannot tell of its servers is a proxy all the same.
    [{ INFOREPL: '-ERR no' }, { epoch: 9, tasks: [], servers: null, code: null }],
    [{ INFOREPL: ':1' }, { epoch: 9, tasks: [], servers: null, code: 'PROXY_BAD_REPLY' }],
  ])('an error reply or a wrong one leaves the others usable: %j', async (special, expected) => {
    const peer = await peerProxy();
    const repl = new RespWriter(2).array(1).array(LINES.length);
    for (const line of LINES) repl.bulk(line);
    const usual = { GETEPOCH: ':9', INFOMGR: '*0', INFOREPL: repl.take().toString() };
    const replies = new Map(Object.entries({ ...usual, ...special }));
    peer.answer = ([, name = '']) => Buffer.from(`${replies.get(name)?.trimEnd()}\r\n`);
    expect(await gateway().inspect(peer.address)).toEqual(expected);
  });

  test('no answer is a timeout', async () => {
    const peer = await peerProxy();
    peer.isFrozen = true;
    const proxies = gateway(100);
    await expect(proxies.inspect(peer.address)).rejects.toMatchObject({ code: 'PROXY_TIMEOUT' });
    expect(proxies.connectionCount).toBe(0);
  });
});

describe('push', () => {
  const A = address('10.0.1.1:6001');
  const B = address('10.0.1.2:6001');
  const CLUSTER = clusterOf('demo', 7, [
    { proxies: [A, B], position: 'normal', parts: [[stable(0, 8191)], [stable(8192, 16_383)]] },
  ]);
  const META = documentsOf(CLUSTER, [])[0]!.meta;

  test("SETREPL, then SETCLUSTER, both with the document's epoch", async () => {
    const peer = await peerProxy();
    const result = await gateway().push(peer.address, META, BOTH);
    expect(result).toEqual({ repl: { kind: 'ok' }, cluster: { kind: 'ok' }, code: null });
    expect(peer.commands.map((words) => words.slice(1, 4))).toEqual([
      ['SETREPL', '7', 'NOFLAG'],
      ['SETCLUSTER', 'v2', '7'],
    ]);
    expect([peer.replEpoch, peer.clusterEpoch]).toEqual([7, 7]);
    expect(peer.connectionCount).toBe(1);
  });

  test('OLD_EPOCH to SETREPL goes on with SETCLUSTER', async () => {
    const peer = await peerProxy();
    peer.replEpoch = 8;
    const result = await gateway().push(peer.address, META, BOTH);
    expect(result).toEqual({ repl: { kind: 'old' }, cluster: { kind: 'ok' }, code: null });
    const only = await gateway().push(peer.address, META, { repl: false, cluster: true });
    expect(only).toEqual({ repl: null, cluster: { kind: 'old' }, code: null });
  });

  test('a refused SETREPL stops there; NOT_MY_META drops the connection', async () => {
    const peer = await peerProxy();
    const proxies = gateway();
    peer.answer = () => Buffer.from('-TRY_AGAIN\r\n');
    expect(await proxies.push(peer.address, META, BOTH)).toMatchObject({ code: 'PROXY_TRY_AGAIN' });
    expect(peer.commands).toHaveLength(1);
    expect(peer.connections.size).toBe(1);
    peer.answer = () => Buffer.from('-ERR_NOT_MY_META\r\n');
    expect(await proxies.push(peer.address, META, BOTH)).toMatchObject({
      code: 'PROXY_NOT_MY_META',
      repl: null,
    });
    await peer.until(() => peer.connections.size === 0);
  });

  test('when SETCLUSTER fails, what SETREPL achieved is told', async () => {
    const peer = await peerProxy();
    peer.answer = (words) => (words[1] === 'SETREPL' ? answerAsProxy(words, peer) : null);
    expect(await gateway(150).push(peer.address, META, BOTH)).toEqual({
      repl: { kind: 'ok' },
      cluster: null,
      code: 'PROXY_TIMEOUT',
    });
  });

  test('a warning is taken', async () => {
    const peer = await peerProxy();
    peer.answer = (words) =>
      words[1] === 'SETREPL' ? Buffer.from('+OK\r\n') : Buffer.from('+WARNING: config\r\n');
    const result = await gateway().push(peer.address, META, BOTH);
    expect(result.cluster).toEqual({ kind: 'warning', text: 'WARNING: config' });
  });

  test('compressed: one blob, which unpacks to the same metadata', async () => {
    const peer = await peerProxy();
    await gateway(2000, true).push(peer.address, META, BOTH);
    const words = peer.received('UMCTL', 'SETCLUSTER')[0]!;
    expect(words.slice(1, 5)).toEqual(['SETCLUSTER', 'v2', '7', 'COMPRESS']);
    expect(words).toHaveLength(6);
    const inflated: unknown = JSON.parse(gunzipSync(Buffer.from(words[5]!, 'base64')).toString());
    expect(inflated).toMatchObject({ cluster_name: 'demo' });
    const parsed = parseSetCluster(words.slice(2));
    expect(parsed).toMatchObject({ ok: true, value: { clusterName: 'demo', epoch: 7 } });
    expect(parsed.ok && parsed.value.local).toEqual(setClusterOf(META).local);
  });

  test('a free proxy gets an empty cluster name', async () => {
    const peer = await peerProxy();
    await gateway().push(peer.address, freeProxy(A, 8), BOTH);
    expect(peer.commands[0]!.slice(1, 7)).toEqual([
      'SETREPL',
      '8',
      'NOFLAG',
      'master',
      '',
      '10.0.1.1:7001',
    ]);
    expect(peer.commands[1]!.slice(1, 7)).toEqual([
      'SETCLUSTER',
      'v2',
      '8',
      'NOFLAG',
      '',
      'CONFIG',
    ]);
    expect(peer.clusterEpoch).toBe(epoch(8));
  });
});

describe('lifetime', () => {
  test("a vanished proxy's connections are closed, and none is opened for it again", async () => {
    const peer = await peerProxy();
    const proxies = gateway();
    await proxies.ping(peer.address);
    await proxies.inspect(peer.address);
    expect(proxies.connectionCount).toBe(2);
    proxies.forget(peer.address);
    await peer.until(() => peer.connections.size === 0);
    expect(proxies.connectionCount).toBe(0);
  });

  test('destroy fails what is under way, and what comes later', async () => {
    const peer = await peerProxy();
    peer.isFrozen = true;
    const proxies = gateway(60_000);
    const probe = rejectionOf(proxies.ping(peer.address));
    const inspection = rejectionOf(proxies.inspect(peer.address));
    await peer.until(() => peer.commands.length === 4);
    proxies.destroy();
    expect(await probe).toMatchObject({ code: expect.any(String) as string });
    expect(await inspection).toMatchObject({ code: expect.any(String) as string });
    await expect(proxies.ping(peer.address)).rejects.toMatchObject({ code: 'CLOSED' });
    await peer.until(() => peer.connections.size === 0);
  });

  test('a probe that waits for a hopeless attempt to connect still has its own time', async () => {
    const target = await hangingAddress();
    const clock = new VirtualClock();
    const proxies = new ProxyGateway({ clock, timeoutMs: 60_000, compress: false });
    cleanups.push(() => proxies.destroy());
    const outcomes: string[] = [];
    const probe = async (name: string): Promise<void> => {
      await expect(proxies.ping(target)).rejects.toMatchObject({ code: 'PROXY_TIMEOUT' });
      outcomes.push(name);
    };
    const first = probe('first');
    clock.advance(30_000);
    const second = probe('second');
    clock.advance(30_000);
    await first;
    await turns(10);
    // The first one gave up the connection; the second one has begun another.
    expect(proxies.connectionCount).toBe(1);
    clock.advance(29_999);
    await turns(10);
    expect(outcomes).toEqual(['first']);
    clock.advance(1);
    await second;
    expect(proxies.connectionCount).toBe(0);
    expect(clock.timerCount).toBe(0);
  });
});

/** Why it was rejected, or null. Watches it at once: a rejection that waits for its turn is unhandled. */
function rejectionOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => null,
    (error: unknown) => error,
  );
}

/** Lets what is ready to run, run. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A port whose process is stopped and whose backlog is full: connecting to it is never answered. */
async function hangingAddress(): Promise<ReturnType<typeof address>> {
  const script =
    "const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))";
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const fillers: Socket[] = [];
  cleanups.push(async () => {
    for (const filler of fillers) filler.destroy();
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(chunk.toString());
  child.kill('SIGSTOP');
  for (let index = 0; index < 4; index++) fillers.push(connect(port, '127.0.0.1'));
  await Promise.all([once(fillers[0]!, 'connect'), once(fillers[1]!, 'connect')]);
  return address(`127.0.0.1:${port}`);
}
