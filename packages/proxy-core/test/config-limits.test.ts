// CONFIG SET of the limits for clients, in effect at once on all loops.
import { RawClient } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { ALL_SLOTS, startFixture } from './fixture.ts';

async function words(client: RawClient, ...command: string[]): Promise<string[]> {
  const reply = await client.command(...command);
  if ('items' in reply)
    return reply.items.map((item) => ('value' in item ? String(item.value) : ''));
  return ['value' in reply ? String(reply.value) : reply.type];
}

test.each([1, 2])('maxclients, in %i loops', async (threads) => {
  const fixture = await startFixture([ALL_SLOTS], { threads });
  await using first = await fixture.connect();
  await using second = await fixture.connect();
  await Promise.all([first.command('PING'), second.command('PING')]);
  expect(await words(second, 'CONFIG', 'SET', 'maxclients', '2')).toEqual(['OK']);
  expect(await words(first, 'CONFIG', 'GET', 'maxclients', 'clients_max')).toEqual([
    'maxclients',
    '2',
    'clients_max',
    '2',
  ]);
  expect((await words(first, 'INFO', 'clients')).join()).toContain('maxclients:2\r\n');
  await using refused = await RawClient.connect(fixture.proxy.address);
  expect(await refused.reply()).toMatchObject({ value: 'ERR max number of clients reached' });
  await refused.closed;
  expect(await words(first, 'CONFIG', 'SET', 'clients_max', '3')).toEqual(['OK']);
  await using third = await fixture.connect();
  expect(await words(third, 'PING')).toEqual(['PONG']);
  await fixture.stop();
});

test.each([1, 2])('timeout, in %i loops', async (threads) => {
  const fixture = await startFixture([ALL_SLOTS], { threads });
  const idle = await Promise.all([1, 2, 3, 4].map(() => fixture.connect()));
  await Promise.all(idle.map((client) => client.command('PING')));
  const [client] = idle;
  expect(await words(client!, 'CONFIG', 'SET', 'timeout', '-1')).toEqual([
    "ERR CONFIG SET failed (possibly related to argument 'timeout') - argument must be between 0 and 2147483647 inclusive",
  ]);
  expect(await words(client!, 'CONFIG', 'SET', 'timeout', '100')).toEqual(['OK']);
  expect(await words(client!, 'CONFIG', 'GET', 'session_timeout')).toEqual([
    'session_timeout',
    '100000',
  ]);
  await client!.command('CONFIG', 'SET', 'session_timeout', '50');
  await Promise.all(idle.map(({ closed }) => closed));
  await fixture.stop();
});

test.each([1, 2])('backend_timeout, in %i loops', async (threads) => {
  const fixture = await startFixture([ALL_SLOTS], { threads });
  const [redis] = fixture.redis;
  const clients = await Promise.all([1, 2, 3, 4].map(() => fixture.connect()));
  for (const client of clients) await client.command('SET', 'a', '1');
  const [first] = clients;
  expect(await words(first!, 'CONFIG', 'SET', 'backend_timeout', '0')).toEqual([
    "ERR CONFIG SET failed (possibly related to argument 'backend_timeout') - argument must be between 1 and 9007199254740991 inclusive",
  ]);
  expect(await words(first!, 'CONFIG', 'SET', 'backend_timeout', '200')).toEqual(['OK']);
  expect(await words(first!, 'CONFIG', 'GET', 'backend-timeout')).toEqual([
    'backend-timeout',
    '200',
  ]);
  await redis!.kill('SIGSTOP');
  const silence = `ERR no reply from ${redis!.address} within 200 ms, the command may have been executed`;
  for (const client of clients) expect(await words(client, 'GET', 'a')).toEqual([silence]);
  await redis!.kill('SIGCONT');
  await Promise.all(clients.map((client) => client.close()));
  await fixture.stop();
});
