// ACL LOG beside a Redis server with the same password.
import { type RespValue, textOf } from '@undermoon/resp';
import { RawClient, startRedis } from '@undermoon/testkit';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { expect, test } from 'vitest';
import { ALL_SLOTS, startFixture } from './fixture.ts';

const PASSWORD = 'secret of the clients';
/** The server that tests run with may be 7.0, which does not have these. */
const NEW_IN_72 = ['entry-id', 'timestamp-created', 'timestamp-last-updated'];

function shapeOf(name: string, value: RespValue): string {
  const text = String(textOf(value));
  if (name === 'age-seconds') return /^\d+(\.\d+)?$/.test(text) ? value.type : text;
  if (name !== 'client-info') return `${value.type} ${text}`;
  const cmd = /cmd=\S+/.exec(text)?.[0];
  return `${value.type} ${cmd} ${/name=\S*/.exec(text)?.[0]}`;
}

function entriesOf(reply: RespValue): readonly (readonly string[])[] {
  if (reply.type !== 'array') throw new Error(JSON.stringify(reply));
  return reply.items.map((item) => {
    const words = 'items' in item ? item.items : item.type === 'map' ? item.entries.flat() : [];
    return words.flatMap((word, i) => {
      const value = words[i + 1];
      const name = String(textOf(word));
      if (i % 2 === 1 || value === undefined || NEW_IN_72.includes(name)) return [];
      return [`${name}: ${shapeOf(name, value)}`];
    });
  });
}

test.each(['2', '3'])('failed logins are kept as Redis keeps them, in RESP%s', async (protocol) => {
  const fixture = await startFixture([ALL_SLOTS], { password: PASSWORD });
  await using reference = await startRedis({ requirepass: PASSWORD });
  const logs = await Promise.all(
    [fixture.proxy.address, reference.address].map(async (address) => {
      await using client = await RawClient.connect(address);
      await using named = await RawClient.connect(address);
      await client.command('auth', 'x');
      await client.command('auth', 'y');
      await client.command('AUTH', 'nobody', PASSWORD);
      await client.command('HELLO', '3', 'AUTH', 'default', 'x');
      await client.command('HELLO', protocol, 'AUTH', 'default', PASSWORD);
      await named.command('AUTH', PASSWORD);
      await named.command('CLIENT', 'SETNAME', 'me');
      await named.command('AUTH', 'nobody', 'x');
      const whole = await client.command('ACL', 'LOG');
      const others: RespValue[] = [];
      for (const word of ['1', '0', '-1', 'x', 'RESET', '10']) {
        others.push(await client.command('ACL', 'LOG', word));
      }
      return [
        entriesOf(whole),
        others.map((other) => (other.type === 'array' ? entriesOf(other) : other)),
      ];
    }),
  );
  expect(logs[0]).toEqual(logs[1]);
  expect(logs[0]?.[0]).toHaveLength(3);
  await fixture.stop();
});

test.each([1, 2])('the logs of %i loops are one; its length can be changed', async (threads) => {
  const fixture = await startFixture([ALL_SLOTS], { threads, password: PASSWORD });
  const clients = await Promise.all([1, 2, 3, 4].map(() => fixture.connect()));
  for (const client of clients) await client.command('AUTH', 'x');
  const [first] = clients;
  await first!.command('AUTH', PASSWORD);
  const [entry] = entriesOf(await first!.command('ACL', 'LOG'));
  expect(entry).toContain('count: integer 4');
  const info = await first!.command('INFO', 'stats');
  expect(textOf(info)).toContain('acl_access_denied_auth:4\r\n');
  await first!.command('CONFIG', 'SET', 'acllog-max-len', '1');
  for (const client of clients.slice(1)) {
    for (const name of ['a', 'b', 'c']) await client.command('AUTH', name, 'x');
  }
  const reply = await first!.command('ACL', 'LOG');
  expect(entriesOf(reply).length).toBeLessThanOrEqual(threads);
  expect(JSON.stringify(entriesOf(reply))).toContain('username: bulk c');
  await first!.command('ACL', 'LOG', 'RESET');
  expect(entriesOf(await first!.command('ACL', 'LOG'))).toEqual([]);
  await Promise.all(clients.map((client) => client.close()));
  await fixture.stop();
});

test('ioredis and node-redis read the log', async () => {
  const fixture = await startFixture([ALL_SLOTS], { password: PASSWORD });
  const [, port] = fixture.proxy.address.split(':');
  await using client = await fixture.connect();
  await client.command('AUTH', 'somebody', 'x');
  const io = new Redis({ port: Number(port), password: PASSWORD });
  expect(JSON.stringify(await io.acl('LOG'))).toContain('"username","somebody"');
  await io.quit();
  const node = createClient({
    url: `redis://:${encodeURIComponent(PASSWORD)}@${fixture.proxy.address}`,
  });
  await node.connect();
  expect(await node.aclLog()).toMatchObject([
    { count: 1, reason: 'auth', context: 'toplevel', object: 'AUTH', username: 'somebody' },
  ]);
  await node.close();
  await fixture.stop();
});
