// A reply that is larger than all that may wait for one client.
import { encodeCommand, type RespValue } from '@undermoon/resp';
import type { RawClient } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import type { ProxyServerOptions } from '../src/index.ts';
import { ALL_SLOTS, type Fixture, startFixture } from './fixture.ts';
import { jumpingClock } from './jumping-clock.ts';

const VALUE = Buffer.alloc(20_000_000, 'v');
const OUTPUT_BYTES_MAX = 2_000_000;
const KINDS = ['raw-handle', 'shared-buffer', 'data-events'] as const;

/** One server with one connection, which all clients share. */
async function startShared(options: ProxyServerOptions = {}): Promise<Fixture> {
  const fixture = await startFixture([ALL_SLOTS], {
    backendConnNum: 1,
    backendConnNumLarge: 1,
    outputBytesMax: OUTPUT_BYTES_MAX,
    ...options,
  });
  await using client = await fixture.connect();
  await client.command('SET', 'large', VALUE);
  await client.command('SET', 'small', 's');
  return fixture;
}

function isLarge(reply: RespValue): boolean {
  return reply.type === 'bulk' && VALUE.equals(reply.value);
}

async function outputOf(asker: RawClient): Promise<number> {
  const reply = await asker.command('CLIENT', 'LIST');
  const text = 'value' in reply ? String(reply.value) : '';
  return Math.max(...[...text.matchAll(/ omem=(\d+)/g)].map(([, bytes]) => Number(bytes)));
}

/** Asks for the large value and reads nothing, until as much of it waits as may. */
async function askWithoutReading(fixture: Fixture, asker: RawClient): Promise<RawClient> {
  const slow = await fixture.connect();
  slow.pause();
  await slow.send(encodeCommand(['GET', 'large']));
  await expect.poll(() => outputOf(asker)).toBeGreaterThan((OUTPUT_BYTES_MAX * 7) / 8);
  return slow;
}

test.each(KINDS)('it comes as fast as the client takes it: %s', async (sockets) => {
  const fixture = await startShared({ sockets, backendTimeoutMs: 60_000, outputWaitMs: 60_000 });
  const other = await fixture.connect();
  const slow = await askWithoutReading(fixture, other);
  const behind = other.command('GET', 'small');
  const value = slow.reply();
  slow.resume();
  expect(isLarge(await value)).toBe(true);
  expect(await behind).toMatchObject({ value: Buffer.from('s') });
  // Again, since each reply has a time of its own.
  expect(isLarge(await slow.command('GET', 'large'))).toBe(true);
  await Promise.all([slow.close(), other.close()]);
  await fixture.stop();
});

test('whoever takes too long is closed, and the others go on', async () => {
  const clock = jumpingClock();
  const fixture = await startShared({ clock, outputWaitMs: 30_000 });
  const other = await fixture.connect();
  const slow = await askWithoutReading(fixture, other);
  const behind = other.command('GET', 'small');
  clock.jumpMs = 31_000;
  expect(await behind).toMatchObject({ value: Buffer.from('s') });
  slow.resume();
  await slow.closed;
  expect(fixture.proxy.clientCount).toBe(1);
  await other.close();
  await fixture.stop();
});

test('a client that goes away lets the others go on', async () => {
  const fixture = await startShared({ backendTimeoutMs: 60_000, outputWaitMs: 60_000 });
  const other = await fixture.connect();
  const slow = await askWithoutReading(fixture, other);
  const behind = other.command('GET', 'small');
  slow.reset();
  expect(await behind).toMatchObject({ value: Buffer.from('s') });
  await other.close();
  await fixture.stop();
});

test('the time in which the proxy waits is not held against the server', async () => {
  const fixture = await startShared({ backendTimeoutMs: 300, outputWaitMs: 1000 });
  const other = await fixture.connect();
  const slow = await askWithoutReading(fixture, other);
  expect(await other.command('GET', 'small')).toMatchObject({ value: Buffer.from('s') });
  slow.resume();
  await slow.closed;
  await other.close();
  await fixture.stop();
});

test('without a time to wait the client is closed at once', async () => {
  const fixture = await startShared({ outputWaitMs: 0 });
  const slow = await fixture.connect();
  slow.pause();
  await slow.send(encodeCommand(['GET', 'large']));
  await expect.poll(() => fixture.proxy.clientCount).toBe(0);
  slow.resume();
  await slow.closed;
  await fixture.stop();
});
