// What the proxy says for a server that it is not, beside what a Redis server says.
import { createHash } from 'node:crypto';
import type { RawClient } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFixture } from './fixture.ts';
import { startTwins, transcript, type Twins } from './reference.ts';

const PASSWORD = 'secret of the clients';

async function answerOf(client: RawClient, line: string): Promise<string> {
  const [answer = ''] = await transcript(client, [line]);
  return answer.slice(line.length + 4);
}

describe('as Redis answers', () => {
  let twins: Twins;
  beforeAll(async () => {
    twins = await startTwins();
  });
  afterAll(() => twins.stop());

  const lines = [
    'ACL WHOAMI',
    'ACL USERS',
    'ACL LIST',
    'ACL GETUSER default',
    'ACL GETUSER nobody',
    'ACL CAT',
    'ACL CAT nosuch',
    'ACL CAT a b',
    'ACL GENPASS 0',
    'ACL GENPASS 4097',
    'ACL GENPASS x',
    'ACL GENPASS 1 2',
    'ACL LOG',
    'ACL LOG RESET',
    'ACL LOG -1',
    'ACL DRYRUN nobody GET a',
    'ACL DRYRUN default GET a',
    'ACL DRYRUN default nosuch',
    'ACL DRYRUN default GET a b',
    'ACL DRYRUN default XGROUP',
    'ACL DRYRUN default CLIENT SETNAME',
    'ACL',
    'ACL NOSUCH',
    'MEMORY PURGE',
    'MEMORY NOSUCH',
    'MODULE LIST',
    'LOLWUT VERSION x',
    'TIME x',
    'ROLE x',
    'LASTSAVE x',
  ];

  test.each([2, 3])('RESP%i', async (protocol) => {
    const [proxied, direct] = await twins.connect();
    await proxied.command('HELLO', String(protocol));
    await direct.command('HELLO', String(protocol));
    expect(await transcript(proxied, lines)).toEqual(await transcript(direct, lines));
    const shapeOf = async (client: RawClient, line: string) => {
      return (await answerOf(client, line)).replaceAll(/[0-9a-f]+/g, '#');
    };
    for (const line of ['TIME', 'ROLE', 'ACL GENPASS', 'ACL GENPASS 5', 'LASTSAVE']) {
      expect(await shapeOf(proxied, line)).toBe(await shapeOf(direct, line));
    }
    expect(await answerOf(proxied, 'ACL GENPASS 5')).toHaveLength(8);
    await Promise.all([proxied.close(), direct.close()]);
  });

  test.each([
    ['ACL', 'DRYRUN'],
    ['ACL', 'DRYRUN', 'default'],
    ['ACL', 'CAT'],
    ['ACL'],
    ['CLIENT'],
    ['COMMAND'],
    ['MEMORY'],
    ['PUBSUB'],
  ])('%j: an error repeats bytes as they were sent', async (...words) => {
    const [proxied, direct] = await twins.connect();
    const bytes = Buffer.from([0xed, 0x4, 0xb7, 0x21]);
    const args = words[1] === 'DRYRUN' ? [bytes, bytes] : [bytes];
    await Promise.all([proxied, direct].map((client) => client.command(...words, ...args)));
    expect(proxied.receivedBytes).toEqual(direct.receivedBytes);
    await Promise.all([proxied.close(), direct.close()]);
  });

  test('a category has the commands that are listed here', async () => {
    const [proxied, direct] = await twins.connect();
    const here = await proxied.command('ACL', 'CAT', 'sortedset');
    const there = await direct.command('ACL', 'CAT', 'sortedset');
    const names = (reply: typeof here) =>
      reply.type === 'array' ? reply.items.map((item) => JSON.stringify(item)).toSorted() : [];
    expect(names(here)).toEqual(names(there));
    await Promise.all([proxied.close(), direct.close()]);
  });

  test('times are now, and within a transaction too', async () => {
    const [proxied, direct] = await twins.connect();
    const before = Math.floor(Date.now() / 1000);
    const time = /\$\d+\r\n(\d+)/.exec(await answerOf(proxied, 'TIME'));
    expect(Number(time?.[1])).toBeGreaterThanOrEqual(before);
    const saved = Number((await answerOf(proxied, 'LASTSAVE')).slice(1));
    expect(Math.abs(saved - before)).toBeLessThan(600);
    const queued = await transcript(proxied, ['MULTI', 'ROLE', 'ACL WHOAMI', 'EXEC']);
    expect(queued.at(-1)).toContain('*2\r\n*3\r\n$6\r\nmaster\r\n');
    await Promise.all([proxied.close(), direct.close()]);
  });
});

test('the hash of the password, as Redis shows it', async () => {
  const fixture = await startFixture(['0-16383'], { password: PASSWORD });
  await using client = await fixture.connect();
  await client.command('AUTH', PASSWORD);
  const hash = createHash('sha256').update(PASSWORD).digest('hex');
  expect(await answerOf(client, 'ACL LIST')).toContain(`user default on #${hash} ~* &* +@all`);
  expect(await answerOf(client, 'ACL GETUSER default')).toContain(hash);
  expect(await answerOf(client, 'MEMORY STATS')).toContain('total.allocated');
  expect(await answerOf(client, 'MEMORY DOCTOR')).toContain('Hi Sam');
  expect(await answerOf(client, 'MEMORY MALLOC-STATS')).toContain('Stats not supported');
  expect(await answerOf(client, 'LOLWUT')).toContain('Redis ver. 7.2');
  await fixture.stop();
});

test('a proxy with copies only is a replica of the one with their master', async () => {
  const fixture = await startFixture(['0-16383']);
  await using client = await fixture.connect();
  const [redis] = fixture.redis;
  const words = ['replica', 'test', redis!.address, '1', '127.0.0.1:7002', '127.0.0.1:6001'];
  await client.command('UMCTL', 'SETREPL', '5', 'NOFLAG', ...words);
  expect(await answerOf(client, 'ROLE')).toMatch(
    /^\*5\r\n\$5\r\nslave\r\n\$9\r\n127.0.0.1\r\n:6001\r\n\$7\r\nconnect\r\n:-?\d+\r\n$/,
  );
  const info = await answerOf(client, 'INFO replication');
  for (const line of [
    'role:slave',
    'master_host:127.0.0.1',
    'master_port:6001',
    'master_link_status:down',
  ]) {
    expect(info).toContain(`${line}\r\n`);
  }
  await fixture.stop();
});
