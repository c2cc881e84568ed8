// Transactions through a proxy, beside a Redis server in cluster mode that gets the same commands.
import { encodeCommand } from '@undermoon/resp';
import { RawClient, startScriptedPeer } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProxyServer } from '../src/index.ts';
import { ALL_SLOTS, setCluster, startFixture } from './fixture.ts';
import { startTwins, transcript, type Twins } from './reference.ts';

function pipeline(lines: readonly string[]): Buffer {
  return Buffer.concat(lines.map((line) => encodeCommand(line.split(' '))));
}

describe('as Redis answers', () => {
  let twins: Twins;
  beforeAll(async () => {
    twins = await startTwins({ sockets: 'data-events' });
  });
  afterAll(() => twins.stop());

  const scripts: readonly (readonly string[])[] = [
    ['MULTI', 'SET a 1', 'INCR a', 'GET a', 'EXEC', 'GET a'],
    ['MULTI', 'EXEC', 'EXEC', 'DISCARD'],
    ['EXEC', 'DISCARD', 'UNWATCH', 'EXEC x', 'MULTI x', 'DISCARD x'],
    ['MULTI', 'MULTI', 'PING', 'EXEC'],
    ['MULTI', 'SET a 1', 'DISCARD', 'EXEC'],
    ['MULTI', 'nosuch x', 'SET a 2', 'EXEC', 'GET a'],
    ['MULTI', 'GET', 'EXEC', 'MULTI', 'CLIENT NOSUCH', 'EXEC', 'MULTI', 'CLIENT', 'EXEC'],
    ['MULTI', 'SET a 3', 'EXEC x', 'EXEC', 'GET a'],
    ['MULTI', 'DISCARD x', 'EXEC'],
    ['MULTI', 'MSET a 1 b 2', 'SET a 4', 'EXEC', 'GET a'],
    ['MULTI', 'SET a 5', 'SET b 5', 'EXEC', 'EXEC', 'GET a', 'GET b'],
    ['MULTI', 'nosuch', 'SET a 5', 'SET b 5', 'EXEC'],
    ['MULTI', 'SET a x', 'INCR a', 'LPUSH a 1', 'EXEC', 'GET a'],
    ['MULTI', 'PING', 'ECHO hi', 'SELECT 0', 'SELECT 1', 'UNWATCH', 'EXEC'],
    ['MULTI', 'PING', 'SET a 6', 'ECHO hi', 'GET a', 'ECHO there', 'EXEC'],
    ['MULTI', 'SET a 7', 'PING a', 'PING a b', 'EXEC', 'GET a'],
    ['MULTI', 'CLIENT SETNAME x', 'CLIENT GETNAME', 'GET a', 'EXEC', 'CLIENT GETNAME'],
    ['MULTI', 'SET a 8', 'RESET', 'EXEC', 'GET a'],
    ['MULTI', 'EVAL return{KEYS[1],1} 1 a', 'LRANGE none 0 -1', 'EXEC'],
    ['MULTI', 'HGETALL none', 'HSET {none}2 f v', 'HGETALL {none}2', 'EXEC'],
    ['MULTI', 'LMPOP 0 a LEFT', 'LMPOP x a LEFT', 'EXEC'],
    ['MULTI', 'SORT a BY w_*', 'GET a', 'EXEC'],
  ];

  test.each(scripts.flatMap((script) => [2, 3].map((protocol) => [protocol, script] as const)))(
    'RESP%i %j',
    async (protocol, script) => {
      const [proxied, direct] = await twins.connect();
      await proxied.command('HELLO', String(protocol));
      await direct.command('HELLO', String(protocol));
      const [ours, theirs] = [await transcript(proxied, script), await transcript(direct, script)];
      expect(ours).toEqual(theirs);
      await Promise.all([proxied.close(), direct.close()]);
    },
  );

  test('a pipeline with transactions gives the same bytes, cut anywhere', async () => {
    const lines = ['SET p 1', 'MULTI', 'INCR p', 'PING', 'INCR p', 'EXEC', 'INCR p', 'MULTI'];
    lines.push('GET p', 'EXEC', 'GET p', 'MULTI', 'nosuch', 'EXEC', 'PING', 'DEL p');
    const bytes = pipeline(lines);
    const [first, direct] = await twins.connect();
    await direct.send(bytes);
    await direct.replies(lines.length);
    const expected = direct.receivedBytes.toString();
    await first.close();
    for (let cut = 0; cut < bytes.length; cut += 5) {
      const client = await twins.fixture.connect();
      await client.send(bytes.subarray(0, cut));
      await client.send(bytes.subarray(cut));
      await client.replies(lines.length);
      expect(client.receivedBytes.toString()).toBe(expected);
      await client.close();
    }
    await direct.close();
  });

  test('transactions of many clients do not mix', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => twins.fixture.connect()));
    const rounds = 50;
    const loads = clients.map(async (client) => {
      const replies = client.replies(rounds * 4);
      for (let i = 0; i < rounds; i++) {
        await client.send(pipeline(['MULTI', 'INCR mixed', 'INCR mixed', 'EXEC']));
      }
      return (await replies).flatMap((reply) => (reply.type === 'array' ? [reply.items] : []));
    });
    for (const pairs of await Promise.all(loads)) {
      for (const [one, two] of pairs) {
        const before = one?.type === 'integer' ? Number(one.value) : Number.NaN;
        expect(two).toEqual({ type: 'integer', value: before + 1 });
      }
    }
    await Promise.all(clients.map((client) => client.close()));
  });

  test('an error that only the server sees while queueing is named by EXEC', async () => {
    await using server = await RawClient.connect(twins.fixture.redis[0]!.address);
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    const client = await twins.fixture.connect();
    const answers = await transcript(client, ['MULTI', 'SET oom 1', 'GET oom', 'EXEC', 'GET oom']);
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(answers.slice(3)).toEqual([
      'EXEC -> -EXECABORT Transaction discarded because of: OOM command not allowed when used ' +
        "memory > 'maxmemory'.\r\n",
      'GET oom -> $-1\r\n',
    ]);
    await client.close();
  });
});

test('slots that move are noticed when a command is queued, and by EXEC', async () => {
  const fixture = await startFixture([ALL_SLOTS]);
  const address = fixture.redis[0]!.address;
  const client = await fixture.connect();
  await transcript(client, ['SET a 1', 'MULTI', 'SET a 2']);
  const peers = [['10.9.8.7:6001', '8192-16383']] as const;
  await setCluster(fixture.proxy, [[address, '0-8191']], { epoch: 2, peers });
  const moved = '-MOVED 15495 10.9.8.7:6001\r\n';
  expect(await transcript(client, ['EXEC', 'EXEC', 'MULTI', 'SET a 3', 'EXEC'])).toEqual([
    `EXEC -> ${moved}`,
    'EXEC -> -ERR EXEC without MULTI\r\n',
    'MULTI -> +OK\r\n',
    `SET a 3 -> ${moved}`,
    'EXEC -> -EXECABORT Transaction discarded because of previous errors.\r\n',
  ]);
  await setCluster(fixture.proxy, [[address, ALL_SLOTS]], { epoch: 3 });
  expect(await transcript(client, ['GET a'])).toEqual(['GET a -> $1\r\n1\r\n']);
  await client.close();
  await fixture.stop();
});

test('a transaction may not grow without bound', async () => {
  const fixture = await startFixture([ALL_SLOTS], {
    transactionCommandsMax: 3,
    transactionBytesMax: 200,
  });
  const client = await fixture.connect();
  const error = '-ERR the transaction is larger than 3 commands or 200 bytes\r\n';
  const aborted = '-EXECABORT Transaction discarded because of previous errors.\r\n';
  for (const last of ['PING', 'GET a', `SET a ${'v'.repeat(200)}`]) {
    const lines = last.length > 100 ? ['MULTI', last, 'EXEC'] : ['MULTI', 'GET a', 'GET a', 'PING'];
    if (last.length <= 100) lines.push(last, 'EXEC');
    const answers = await transcript(client, lines);
    expect(answers.slice(-2)).toEqual([`${last} -> ${error}`, `EXEC -> ${aborted}`]);
  }
  expect(await transcript(client, ['MULTI', 'GET a', 'GET a', 'GET a', 'EXEC'])).toHaveLength(5);
  await client.close();
  await fixture.stop();
});

test('EXEC whose server is lost says that it may have been executed, and is not sent again', async () => {
  const [multi, set, exec] = [['MULTI'], ['SET', 'a', '1'], ['EXEC']] as const;
  const always = (request: readonly Buffer[]): string | null =>
    ['ROLE', 'INFO', 'PING', 'REPLICAOF'].includes(String(request[0]).toUpperCase())
      ? '+OK\r\n'
      : null;
  const peer = await startScriptedPeer({
    always,
    connections: [
      [
        { expect: multi, reply: '+OK\r\n' },
        { expect: set, reply: '+QUEUED\r\n' },
        { expect: exec, connection: 'reset' },
      ],
      [{ expect: ['GET', 'a'], reply: '$-1\r\n' }],
    ],
  });
  const proxy = createProxyServer({ address: '127.0.0.1:0', backendConnNum: 1 });
  await proxy.listen();
  await setCluster(proxy, [[peer.address, ALL_SLOTS]], { roles: false });
  const client = await RawClient.connect(proxy.address);
  expect(await transcript(client, ['MULTI', 'SET a 1', 'EXEC', 'GET a'])).toEqual([
    'MULTI -> +OK\r\n',
    'SET a 1 -> +QUEUED\r\n',
    `EXEC -> -ERR connection to ${peer.address} was lost, the command may have been executed\r\n`,
    'GET a -> $-1\r\n',
  ]);
  await peer.done;
  await client.close();
  proxy.destroy();
  await peer.close();
});
