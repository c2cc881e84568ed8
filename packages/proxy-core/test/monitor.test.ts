// MONITOR: what other clients do.
import type { RawClient } from '@undermoon/testkit';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { ALL_SLOTS, startFixture } from './fixture.ts';

/** The commands among what a monitor got, without time and address. */
function commandsOf(client: RawClient): string[] {
  const lines = client.receivedBytes.toString('latin1').split('\r\n');
  return lines.flatMap((line) => /^\+\d+\.\d{6} \[0 [^\]]+\] (.*)$/.exec(line)?.[1] ?? []);
}

test.each([1, 2])('the commands of all clients, in %i loops', async (threads) => {
  const fixture = await startFixture([ALL_SLOTS], { threads, password: 'secret' });
  const clients = await Promise.all([1, 2, 3, 4].map(() => fixture.connect()));
  for (const client of clients) await client.command('AUTH', 'secret');
  const [monitor, ...others] = clients;
  expect(await monitor!.command('MONITOR')).toMatchObject({ value: 'OK' });
  // Every loop knows when this is answered.
  const list = await monitor!.command('CLIENT', 'LIST');
  const flags = 'value' in list ? String(list.value).match(/(?<=flags=)\w+/g) : null;
  expect(flags?.toSorted()).toEqual(['N', 'N', 'N', 'O']);
  const expected: string[] = [];
  for (const [i, client] of others.entries()) {
    await Promise.all([
      client.command('SET', `k${i}`, 'v'),
      client.command('INCR', `n${i}`),
      client.command('CONFIG', 'GET', 'port'),
      client.command('nosuch'),
      client.command('AUTH', 'secret'),
      client.send(`GET k${i}\r\n`),
    ]);
    expected.push(`"SET" "k${i}" "v"`, `"INCR" "n${i}"`, '"AUTH" "(redacted)"', `"GET" "k${i}"`);
  }
  const got = (): string[] => commandsOf(monitor!).filter((line) => !line.includes('CLIENT'));
  await expect.poll(() => got().length).toBe(expected.length);
  expect(got().toSorted()).toEqual(expected.toSorted());
  // Its own commands too, and their replies are whole among the lines.
  await monitor!.command('ECHO', 'mine');
  await expect.poll(() => commandsOf(monitor!).at(-1)).toBe('"ECHO" "mine"');
  await monitor!.command('RESET');
  // Every loop knows when this is answered, and what was on its way to the monitor is there.
  await others[0]!.command('CLIENT', 'LIST');
  await monitor!.command('PING');
  const before = got().length;
  for (const client of others) await client.command('GET', 'after');
  await others[0]!.command('CLIENT', 'LIST');
  await monitor!.command('PING');
  expect(got().length).toBe(before);
  await Promise.all(clients.map((client) => client.close()));
  await fixture.stop();
});

test('a monitor that does not read is closed, and what it was shown is forgotten', async () => {
  const fixture = await startFixture([ALL_SLOTS], { outputBytesMax: 500_000 });
  const [monitor, client] = [await fixture.connect(), await fixture.connect()];
  await monitor.command('MONITOR');
  monitor.pause();
  const value = 'v'.repeat(50_000);
  for (let i = 0; i < 400 && fixture.proxy.clientCount > 1; i++) {
    await client.command('SET', 'a', value);
  }
  expect(fixture.proxy.clientCount).toBe(1);
  expect(await client.command('GET', 'a')).toMatchObject({ type: 'bulk' });
  await Promise.all([monitor.close(), client.close()]);
  await fixture.stop();
});

test('not within a transaction; ioredis monitors', async () => {
  const fixture = await startFixture([ALL_SLOTS]);
  await using client = await fixture.connect();
  await client.command('MULTI');
  expect(await client.command('MONITOR')).toMatchObject({ value: 'QUEUED' });
  expect(await client.command('EXEC')).toMatchObject({
    items: [{ value: "ERR MONITOR isn't allowed for DENY BLOCKING client" }],
  });
  const port = Number(fixture.proxy.address.split(':')[1]);
  const io = new Redis({ port });
  const monitor = await io.monitor();
  const shown = new Promise((resolve) => {
    monitor.on('monitor', (_time: string, args: string[]) => {
      if (args[0] === 'SET') resolve(args);
    });
  });
  await client.command('SET', 'a', 'b"c');
  expect(await shown).toEqual(['SET', 'a', 'b"c']);
  monitor.disconnect();
  await io.quit();
  await fixture.stop();
});
