import { parseNodeAddress } from '@undermoon/cluster-meta';
import type { RespValue } from '@undermoon/resp';
import type { Clock, Outcome } from '@undermoon/runtime';
import { systemClock } from '@undermoon/runtime/node';
import { freePort, startScriptedPeer, type ScriptStep } from '@undermoon/testkit';
import { afterEach, expect, test } from 'vitest';
import {
  RedisControlClient,
  type ControlFailure,
  type RedisControlClientOptions,
} from './redis-control-client.ts';

const CLEANUPS: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of CLEANUPS.splice(0).toReversed()) await cleanup();
});

interface Fixture {
  readonly client: RedisControlClient;
  readonly downCount: () => number;
}

async function clientOf(
  scripts: readonly (readonly ScriptStep[])[],
  options: Partial<RedisControlClientOptions> = {},
): Promise<Fixture> {
  const peer = await startScriptedPeer({ connections: scripts });
  CLEANUPS.push(() => peer.close());
  return clientAt(peer.address, options);
}

function clientAt(address: string, options: Partial<RedisControlClientOptions> = {}): Fixture {
  let downCount = 0;
  const client = new RedisControlClient({
    address: parseNodeAddress(address)!,
    clock: systemClock,
    connectTimeoutMs: 2000,
    commandTimeoutMs: 2000,
    credentials: null,
    onDown: () => {
      downCount += 1;
    },
    ...options,
  });
  CLEANUPS.push(() => client.destroy());
  return { client, downCount: () => downCount };
}

function codeOf(outcome: Outcome<RespValue | null, ControlFailure>): string {
  return outcome.ok ? 'ok' : outcome.code;
}

test('replies come to the commands in order, even in pieces', async () => {
  const { client } = await clientOf([
    [
      { expect: ['PING'] },
      { expect: ['ROLE'], reply: ['+PO', 'NG\r\n*2\r\n$3\r\nab', 'c\r\n', ':1\r\n'] },
    ],
  ]);
  expect(codeOf(await client.connect())).toBe('ok');
  const replies = await Promise.all([client.request(['PING']), client.request(['ROLE'])]);
  expect(replies).toMatchObject([
    { ok: true, value: { type: 'simple', value: 'PONG' } },
    { ok: true, value: { type: 'array', items: [{ type: 'bulk' }, { value: 1 }] } },
  ]);
});

test('without a connection nothing is queued', async () => {
  const { client, downCount } = clientAt(`127.0.0.1:${await freePort()}`);
  expect(codeOf(await client.request(['PING']))).toBe('NOT_CONNECTED');
  expect(codeOf(await client.connect())).toBe('CONNECT_FAILED');
  expect([client.isConnected, downCount()]).toEqual([false, 0]);
});

test.each([
  [{ username: null, password: 'p w' }, ['AUTH', 'p w']],
  [{ username: 'u', password: 'p' }, ['AUTH', 'u', 'p']],
])('logs in first: %o', async (credentials, words) => {
  const { client } = await clientOf([[{ expect: words, reply: '+OK\r\n' }]], { credentials });
  expect(codeOf(await client.connect())).toBe('ok');
  expect(client.isConnected).toBe(true);
});

test('a refused AUTH closes the connection', async () => {
  const { client, downCount } = await clientOf([[{ reply: '-WRONGPASS no\r\n' }]], {
    credentials: { username: null, password: 'x' },
  });
  expect(codeOf(await client.connect())).toBe('AUTH_REFUSED');
  expect([client.isConnected, downCount()]).toEqual([false, 0]);
});

test('a command without a reply in time fails all that wait, and the next connection is a new one', async () => {
  const timers = new Set<() => void>();
  const after: Clock['after'] = (_, callback) => {
    timers.add(callback);
    return () => timers.delete(callback);
  };
  const { client, downCount } = await clientOf(
    [[{ expect: ['ONE'], connection: 'hang' }], [{ expect: ['THREE'], reply: '+3\r\n' }]],
    { clock: { ...systemClock, after } },
  );
  await client.connect();
  const sent = Promise.all([client.request(['ONE']), client.request(['TWO'])]);
  for (const expire of timers) expire();
  const replies = await sent;
  expect(replies.map(codeOf)).toEqual(['COMMAND_TIMEOUT', 'COMMAND_TIMEOUT']);
  expect([client.isConnected, downCount()]).toEqual([false, 1]);
  await client.connect();
  expect(codeOf(await client.request(['THREE']))).toBe('ok');
});

test.each([
  ['the server ends the connection', { connection: 'end' }],
  ['the server resets the connection', { connection: 'reset' }],
  ['the reply is no RESP', { reply: '?\r\n' }],
  ['the reply claims too much', { reply: '*99999999999\r\n' }],
] as const)('%s', async (_, step) => {
  const { client, downCount } = await clientOf([[{ expect: ['ROLE'], ...step }]]);
  await client.connect();
  expect(codeOf(await client.request(['ROLE']))).toBe('CONNECTION_LOST');
  expect([client.isConnected, downCount()]).toEqual([false, 1]);
});

test('a reply that nobody asked for closes the connection', async () => {
  const { client, downCount } = await clientOf([[{ expect: ['A'], reply: '+a\r\n+b\r\n' }]]);
  await client.connect();
  expect(codeOf(await client.request(['A']))).toBe('ok');
  expect([client.isConnected, downCount()]).toEqual([false, 1]);
});

test('so many commands may wait, and no more', async () => {
  const { client } = await clientOf([[{ expect: ['0'], connection: 'hang' }]]);
  await client.connect();
  const waiting = Array.from({ length: 64 }, (_, i) => client.request([String(i)]));
  expect(codeOf(await client.request(['64']))).toBe('TOO_MANY_PENDING');
  client.destroy();
  expect((await Promise.all(waiting)).map(codeOf)).toEqual(
    Array.from({ length: 64 }, () => 'CONNECTION_LOST'),
  );
});

test('destroyed while it connects, it stays closed', async () => {
  const { client, downCount } = await clientOf([[]]);
  const opened = client.connect();
  client.destroy();
  expect(codeOf(await opened)).not.toBe('ok');
  expect([client.isConnected, downCount()]).toEqual([false, 0]);
});
