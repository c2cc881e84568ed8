import { encodeCommand } from '@undermoon/resp';
import { systemClock } from '@undermoon/runtime/node';
import { keySlotOf } from '@undermoon/slots';
import { expect, test } from 'vitest';
import { createProxyServer } from '../src/index.ts';
import { type Fixture, startFixture } from './fixture.ts';
import { jumpingClock } from './jumping-clock.ts';

const HALVES = ['0-8191', '8192-16383'] as const;
const onFirst = keyWhere((slot) => slot <= 8191);
const onSecond = keyWhere((slot) => slot > 8191);

function keyWhere(isWanted: (slot: number) => boolean): string {
  for (let i = 0; ; i++) if (isWanted(keySlotOf(`key:${i}`))) return `key:${i}`;
}

function repeated(count: number, ...commands: readonly string[][]): Buffer {
  const once = Buffer.concat(commands.map((command) => encodeCommand(command)));
  return Buffer.concat(Array.from({ length: count }, () => once));
}

/** Replies owed by each server, in the order of the fixture. */
async function pendingOf(fixture: Fixture): Promise<number[]> {
  const client = await fixture.connect();
  const info = await client.command('INFO');
  await client.close();
  const text = 'value' in info ? String(info.value) : '';
  return fixture.redis.map(({ address }) => {
    const [, pending] = new RegExp(`address=${address},.*pending=(\\d+)`).exec(text) ?? [];
    return Number(pending);
  });
}

test('a client that waits for two full servers is not read when one of them has room', async () => {
  const fixture = await startFixture(HALVES, { backendPendingMax: 10, backendConnNum: 1 });
  const client = await fixture.connect();
  await client.command('SET', onFirst, '1');
  await client.command('SET', onSecond, '1');
  await fixture.redis[1]?.kill('SIGSTOP');
  const replies = client.replies(20_000);
  const sent = client.send(repeated(10_000, ['INCR', onFirst], ['INCR', onSecond]));
  await expect.poll(async () => (await pendingOf(fixture))[1]).toBeGreaterThan(10);
  await expect.poll(async () => (await pendingOf(fixture))[0]).toBe(0);
  // One read of 64 KiB holds some 900 commands for each.
  expect((await pendingOf(fixture))[1]).toBeLessThan(2500);
  await fixture.redis[1]?.kill('SIGCONT');
  const last = (await replies).slice(-2);
  expect(last).toMatchObject([{ value: 10_001 }, { value: 10_001 }]);
  await sent;
  await client.close();
  await fixture.stop();
});

test('many clients of a full server are all woken', async () => {
  const fixture = await startFixture(['0-16383'], { backendPendingMax: 50, backendConnNum: 1 });
  const clients = await Promise.all(Array.from({ length: 100 }, () => fixture.connect()));
  await fixture.redis[0]?.kill('SIGSTOP');
  const loads = clients.map(async (client, i) => {
    const replies = client.replies(1000);
    await client.send(repeated(1000, ['INCR', `n${i}`]));
    return (await replies).at(-1);
  });
  await expect.poll(async () => (await pendingOf(fixture))[0]).toBeGreaterThan(50);
  await fixture.redis[0]?.kill('SIGCONT');
  for (const last of await Promise.all(loads)) expect(last).toMatchObject({ value: 1000 });
  await Promise.all(clients.map((client) => client.close()));
  await fixture.stop();
});

test('replies that wait for an earlier one of another server count as output', async () => {
  const fixture = await startFixture(HALVES, {
    backendTimeoutMs: 60_000,
    outputPauseBytes: 65_536,
    outputBytesMax: 1024 * 1024,
  });
  const client = await fixture.connect();
  await client.command('SET', onFirst, '1');
  await client.command('SET', onSecond, 'v'.repeat(100_000));
  await fixture.redis[0]?.kill('SIGSTOP');
  await client.send(repeated(1, ['GET', onFirst]));
  await client.send(repeated(50, ['GET', onSecond]));
  await client.closed;
  expect(fixture.proxy.clientCount).toBe(0);
  await fixture.redis[0]?.kill('SIGCONT');
  await fixture.stop();
});

test('a client with many small replies held back is paused, and gets them all', async () => {
  const fixture = await startFixture(HALVES, { outputPauseBytes: 65_536 });
  const client = await fixture.connect();
  await client.command('SET', onFirst, '1');
  await fixture.redis[0]?.kill('SIGSTOP');
  await client.send(encodeCommand(['GET', onFirst]));
  const replies = client.replies(30_001);
  const sent = client.send(repeated(30_000, ['PING']));
  const count = async (): Promise<number> => {
    const other = await fixture.connect();
    const info = await other.command('INFO');
    await other.close();
    return Number(
      /total_commands_processed:(\d+)/.exec('value' in info ? String(info.value) : '')?.[1],
    );
  };
  let before = -1;
  for (let now = await count(); now > before + 1; now = await count()) before = now;
  expect(before).toBeLessThan(15_000);
  await fixture.redis[0]?.kill('SIGCONT');
  const all = await replies;
  expect(all[0]).toMatchObject({ value: Buffer.from('1') });
  expect(all.slice(1).every((reply) => 'value' in reply && reply.value === 'PONG')).toBe(true);
  await sent;
  await client.close();
  await fixture.stop();
});

test('time in which the process did not run is not held against the servers', async () => {
  const clock = jumpingClock();
  const fixture = await startFixture(['0-16383'], { clock, backendTimeoutMs: 2000 });
  const client = await fixture.connect();
  await client.command('SET', 'a', '1');
  await fixture.redis[0]?.kill('SIGSTOP');
  await client.send(encodeCommand(['GET', 'a']));
  await expect.poll(async () => (await pendingOf(fixture))[0]).toBe(1);
  clock.jumpMs = 60_000;
  // Its timers have run when the proxy sees the new time.
  await expect.poll(async () => (await pendingOf(fixture))[0]).toBe(1);
  const other = await fixture.connect();
  const start = systemClock.monotonicMs();
  while (systemClock.monotonicMs() - start < 300) await other.command('PING');
  await fixture.redis[0]?.kill('SIGCONT');
  expect(await client.reply()).toMatchObject({ value: Buffer.from('1') });
  await Promise.all([client.close(), other.close()]);
  await fixture.stop();
});

test('an output pause that a socket could not end is refused', () => {
  expect(() => createProxyServer({ outputPauseBytes: 1000 })).toThrow(
    'outputPauseBytes: expected a whole number of at least 65536',
  );
});
