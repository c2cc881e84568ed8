// What clients may take of a proxy, reached one by one.
import { encodeCommand } from '@undermoon/resp';
import { RawClient } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { createProxyServer } from '../src/index.ts';
import { ALL_SLOTS, startFixture } from './fixture.ts';
import { jumpingClock } from './jumping-clock.ts';

async function infoOf(address: string, section: string): Promise<Map<string, string>> {
  await using client = await RawClient.connect(address);
  const info = await client.command('INFO', section);
  const text = 'value' in info ? String(info.value) : '';
  const pairs = text.split('\r\n').map((line) => line.split(':'));
  return new Map(pairs.map(([name = '', value = '']) => [name, value]));
}

test('time in which the process did not run makes no client idle', async () => {
  const clock = jumpingClock();
  const fixture = await startFixture([ALL_SLOTS], {
    clock,
    sessionTimeoutMs: 60_000,
    dedicatedIdleMs: 60_000,
  });
  const client = await fixture.connect();
  await client.command('BLPOP', 'a', '0.01');
  const dedicated = async (): Promise<string | undefined> =>
    (await infoOf(fixture.proxy.address, 'undermoon')).get('dedicated_connections');
  expect(await dedicated()).toBe('1');
  clock.jumpMs = 61_000;
  // The proxy has seen the new time when it closes what nobody needs any more.
  await expect.poll(dedicated).toBe('0');
  expect(await client.command('PING')).toMatchObject({ value: 'PONG' });
  await client.close();
  await fixture.stop();
});

test('a client that stays above the soft output limit is closed, one that drains in time is not', async () => {
  const clock = jumpingClock();
  const fixture = await startFixture([ALL_SLOTS], {
    clock,
    outputPauseBytes: 65_536,
    outputSoftBytes: 1_000_000,
    outputSoftMs: 60_000,
  });
  const { address } = fixture.proxy;
  const [slow, quick] = [await fixture.connect(), await fixture.connect()];
  await slow.command('SET', 'v', Buffer.alloc(20_000_000, 'v'));
  const waiting = async (): Promise<number> => {
    const reply = await quick.command('CLIENT', 'LIST');
    const text = 'value' in reply ? String(reply.value) : '';
    return Math.max(...[...text.matchAll(/ omem=(\d+)/g)].map(([, bytes]) => Number(bytes)));
  };
  slow.pause();
  await slow.send(encodeCommand(['GET', 'v']));
  expect(await quick.command('GET', 'v')).toMatchObject({ type: 'bulk' });
  await expect.poll(waiting).toBeGreaterThan(1_000_000);
  clock.jumpMs = 61_000;
  await expect.poll(() => fixture.proxy.clientCount).toBe(1);
  const stats = await infoOf(address, 'stats');
  expect(stats.get('client_output_buffer_limit_disconnections')).toBe('1');
  expect(await quick.command('PING')).toMatchObject({ value: 'PONG' });
  await Promise.all([slow.close(), quick.close()]);
  await fixture.stop();
});

test('a command that is too large closes its client and is counted', async () => {
  const fixture = await startFixture([ALL_SLOTS], { queryBufferBytesMax: 100_000 });
  const client = await fixture.connect();
  await client.send('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$200000\r\n');
  for (let i = 0; i < 3; i++) await client.send('v'.repeat(50_000)).catch(() => undefined);
  expect(await client.reply()).toEqual({
    type: 'error',
    value: 'ERR Protocol error: command exceeds the query buffer limit',
  });
  await client.closed;
  const stats = await infoOf(fixture.proxy.address, 'stats');
  expect(stats.get('client_query_buffer_limit_disconnections')).toBe('1');
  await fixture.stop();
});

test('INFO and CONFIG show the limits', async () => {
  const fixture = await startFixture([ALL_SLOTS], {
    dedicatedConnectionsMax: 7,
    outputBytesMax: 9_000_000,
    outputSoftBytes: 2_000_000,
    outputSoftMs: 1500,
  });
  const limits = await infoOf(fixture.proxy.address, 'limits');
  expect([...limits.keys()].filter((name) => /^[a-z_]+$/.test(name))).toEqual([
    'clients_max',
    'query_buffer_bytes_max',
    'unauthenticated_bytes_max',
    'output_pause_bytes',
    'output_bytes_max',
    'output_wait_ms',
    'output_soft_bytes',
    'output_soft_ms',
    'transaction_bytes_max',
    'transaction_commands_max',
    'subscriptions_per_client_max',
    'subscriptions_max',
    'pubsub_message_bytes_max',
    'script_cache_bytes_max',
    'script_digests_max',
    'script_lookups_max',
    'redirect_bytes_max',
    'learned_commands_max',
    'slot_scan_timeout_ms',
    'slot_scan_bytes_max',
    'slot_scans_max',
    'dedicated_connections_max',
    'backend_pending_max',
    'backend_queued_bytes_max',
    'backend_resend_bytes_max',
    'metadata_bytes_max',
  ]);
  expect(limits.get('dedicated_connections_max')).toBe('7');
  await using client = await fixture.connect();
  const reply = await client.command('CONFIG', 'GET', 'client-output-buffer-limit');
  const words =
    reply.type === 'array' ? reply.items.map((item) => 'value' in item && String(item.value)) : [];
  expect(words[1]).toBe('normal 9000000 2000000 2 slave 0 0 0 pubsub 9000000 2000000 2');
  expect(await client.command('CONFIG', 'GET', 'dedicated_connections_max')).toMatchObject({
    items: [{}, { value: Buffer.from('7') }],
  });
  await fixture.stop();
});

test('a soft output limit below the pause is refused', () => {
  expect(() => createProxyServer({ outputSoftBytes: 1000 })).toThrow(
    'outputSoftBytes: expected a whole number of at least 1048576',
  );
});
