// Blocking commands through a proxy, beside a Redis server in cluster mode that gets the same commands.
import { encodeCommand } from '@undermoon/resp';
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ALL_SLOTS, type Fixture, setCluster, startFixture } from './fixture.ts';
import { startTwins, transcript, type Twins } from './reference.ts';

function pipeline(...lines: readonly string[]): Buffer {
  return Buffer.concat(lines.map((line) => encodeCommand(line.split(' '))));
}

/** A figure of INFO. */
async function infoOf(address: string, field: string): Promise<number> {
  await using client = await RawClient.connect(address);
  const info = await client.command('INFO');
  const text = 'value' in info ? String(info.value) : '';
  return Number(new RegExp(`${field}:(\\d+)`).exec(text)?.[1]);
}

function whenBlocked(address: string, count: number): Promise<void> {
  return expect.poll(() => infoOf(address, 'blocked_clients')).toBe(count);
}

describe('as Redis answers', () => {
  let twins: Twins;
  beforeAll(async () => {
    twins = await startTwins();
  });
  afterAll(() => twins.stop());

  const scripts: readonly (readonly string[])[] = [
    ['BLPOP a x', 'BLPOP a -1', 'BLPOP a 1e400', 'BLPOP a inf', 'BLPOP a nan', 'BLPOP a'],
    ['BLPOP a 0.01', 'BRPOP a 0.01', 'BRPOPLPUSH a a 0.01', 'BLMOVE a a LEFT RIGHT 0.01'],
    ['BLMPOP 0.01 1 a LEFT', 'BZPOPMIN a 0.01', 'BZPOPMAX a 0.01', 'BZMPOP 0.01 1 a MIN'],
    ['BLMPOP 0.01 0 a LEFT', 'BLMPOP 0.01 x a LEFT', 'BLMPOP 0 1 a UP'],
    ['XREAD BLOCK 10 STREAMS a 0', 'XREAD BLOCK x STREAMS a 0', 'XREAD BLOCK -1 STREAMS a 0'],
    ['RPUSH a 1 2 3 4', 'BLPOP a 0', 'BRPOP a 0.5', 'BLMOVE a {a}b LEFT LEFT 0', 'BLPOP {a}b a 0'],
    ['DEL a {a}b', 'ZADD a 1 x 2 y', 'BZPOPMIN a 0', 'BZMPOP 0 1 a MAX COUNT 2', 'EXISTS a'],
    [
      'DEL a',
      'XADD a 1-1 f v',
      'XREAD BLOCK 0 STREAMS a 0',
      'XREAD BLOCK 5 STREAMS a 1-1',
      'DEL a',
    ],
    ['XGROUP CREATE a g $ MKSTREAM', 'XREADGROUP GROUP g c BLOCK 5 STREAMS a >', 'DEL a'],
    ['SET a 1', 'BLPOP a 0', 'BZPOPMIN a 0', 'DEL a'],
    ['BLPOP a b 0', 'BLMOVE a b LEFT LEFT 0', 'XREAD BLOCK 0 STREAMS a b 0 0'],
    ['WAIT 0 0', 'WAIT x 0', 'WAIT 1 10', 'WAIT 1 -1', 'WAIT 1'],
    ['MULTI', 'BLPOP a 0', 'XREAD BLOCK 0 STREAMS a 0', 'WAIT 1 0', 'EXEC'],
    ['MULTI', 'WATCH a', 'BLPOP a b 0', 'EXEC'],
    ['WATCH a b', 'WATCH', 'WATCH a', 'UNWATCH', 'MULTI', 'EXEC'],
    ['WATCH a', 'SET a 1', 'MULTI', 'GET a', 'EXEC', 'MULTI', 'GET a', 'EXEC', 'DEL a'],
    ['WATCH a', 'GET a', 'MULTI', 'SET a 1', 'PING', 'EXEC', 'GET a', 'DEL a'],
    ['WATCH a', 'WATCH b', 'SET b 1', 'MULTI', 'SET a 1', 'EXEC', 'GET a', 'DEL b'],
    ['WATCH a', 'SET a 1', 'MULTI', 'DISCARD', 'MULTI', 'GET a', 'EXEC', 'DEL a'],
    ['WATCH a', 'SET a 1', 'RESET', 'MULTI', 'GET a', 'EXEC', 'DEL a'],
    ['WATCH a', 'SET a 1', 'MULTI', 'nosuch', 'EXEC', 'MULTI', 'GET a', 'EXEC', 'DEL a'],
    ['WATCH a', 'SET a 1', 'MULTI', 'PING', 'EXEC', 'MULTI', 'PING', 'EXEC', 'DEL a'],
    [
      'WATCH a',
      'MULTI',
      'SET a 1',
      'SET b 1',
      'EXEC',
      'SET a 2',
      'MULTI',
      'GET a',
      'EXEC',
      'DEL a',
    ],
    ['WATCH a', 'HSET h f v', 'HELLO 3', 'HGETALL h', 'MULTI', 'EXEC', 'HELLO 2', 'DEL h'],
    [
      'WATCH a',
      'BLPOP a 0.01',
      'EVAL return{KEYS[1]} 1 a',
      'EXISTS b',
      'MULTI',
      'EXISTS a',
      'EXEC',
    ],
  ];

  /** The version and the client's number are not the same. */
  function comparable(answers: readonly string[]): string[] {
    return answers.map((answer) =>
      answer.replace(/7\.\d\.\d+|id\r\n:\d+/g, '_').replace(/\$\d\r\n_/, '_'),
    );
  }

  test.each(scripts.flatMap((script) => [2, 3].map((protocol) => [protocol, script] as const)))(
    'RESP%i %j',
    async (protocol, script) => {
      const [proxied, direct] = await twins.connect();
      await proxied.command('HELLO', String(protocol));
      await direct.command('HELLO', String(protocol));
      const [ours, theirs] = [await transcript(proxied, script), await transcript(direct, script)];
      expect(comparable(ours)).toEqual(comparable(theirs));
      await Promise.all([proxied.close(), direct.close()]);
    },
  );

  test.each([
    [['BLPOP q 0'], ['RPUSH q v']],
    [['BRPOPLPUSH q {q}2 0', 'LLEN {q}2', 'DEL {q}2'], ['RPUSH q v']],
    [['BLMPOP 0 2 q {q}2 LEFT COUNT 2'], ['RPUSH {q}2 1 2 3', 'DEL {q}2']],
    [['BZPOPMAX q 0'], ['ZADD q 1 a 2 b', 'DEL q']],
    [['XREAD BLOCK 0 COUNT 1 STREAMS q $'], ['XADD q 5-1 f v', 'DEL q']],
    [['XREADGROUP GROUP g c BLOCK 0 STREAMS q >'], ['XADD q 6-1 f v', 'DEL q']],
    [['XREADGROUP GROUP g c BLOCK 0 STREAMS q >'], ['DEL q']],
    [
      ['BLPOP q 0', 'PING', 'SET q2 1', 'GET q2', 'DEL q2'],
      ['SET q x', 'DEL q', 'LPUSH q v'],
    ],
    [['RPUSH q0 1', 'BLPOP q0 0', 'BLPOP q 0', 'PING'], ['RPUSH q v']],
    [['MULTI', 'BLPOP q 0', 'EXEC', 'BLPOP q 0', 'MULTI', 'BLPOP q 0', 'EXEC'], ['RPUSH q v w']],
  ])('%j waits until %j', async (waiting, others) => {
    const results = await Promise.all(
      [twins.fixture.proxy.address, twins.reference.address].map(async (address) => {
        await using client = await RawClient.connect(address);
        await using other = await RawClient.connect(address);
        if (waiting[0]?.startsWith('XREADGROUP') === true) {
          await other.command('XGROUP', 'CREATE', 'q', 'g', '$', 'MKSTREAM');
        }
        await client.send(pipeline(...waiting));
        await whenBlocked(address, 1);
        const pushed = await transcript(other, others);
        await client.replies(waiting.length);
        return [...pushed, client.receivedBytes.toString()];
      }),
    );
    expect(results[0]).toEqual(results[1]);
  });

  test('a key that another client changes lets EXEC fail, in a pipeline too', async () => {
    for (const address of [twins.fixture.proxy.address, twins.reference.address]) {
      await using client = await RawClient.connect(address);
      await using other = await RawClient.connect(address);
      await client.send(pipeline('SET w 1', 'WATCH w', 'GET w'));
      await client.replies(3);
      await other.command('INCR', 'w');
      await client.send(pipeline('MULTI', 'SET w 10', 'EXEC', 'GET w', 'MULTI', 'DEL w', 'EXEC'));
      await client.replies(7);
      expect(client.receivedBytes.toString()).toBe(
        '+OK\r\n+OK\r\n$1\r\n1\r\n+OK\r\n+QUEUED\r\n*-1\r\n$1\r\n2\r\n+OK\r\n+QUEUED\r\n*1\r\n:1\r\n',
      );
    }
  });

  test('counters kept by WATCH, GET and EXEC lose nothing', async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => twins.fixture.connect()));
    const rounds = 20;
    await Promise.all(
      clients.map(async (client) => {
        for (let done = 0; done < rounds;) {
          await client.command('WATCH', 'count');
          const value = await client.command('GET', 'count');
          await client.command('MULTI');
          const before = value.type === 'bulk' ? Number(value.value) : 0;
          await client.command('SET', 'count', String(before + 1));
          if ((await client.command('EXEC')).type === 'array') done++;
        }
        await client.close();
      }),
    );
    await using client = await twins.fixture.connect();
    expect(await transcript(client, ['GET count'])).toEqual(['GET count -> $3\r\n100\r\n']);
  });
});

describe('ends', () => {
  let fixture: Fixture;
  let redis: RedisServer;
  beforeAll(async () => {
    fixture = await startFixture([ALL_SLOTS]);
    redis = fixture.redis[0]!;
  });
  afterAll(() => fixture.stop());

  test.each(['close', 'reset', 'end'] as const)(
    'after the client left by %s nothing is popped for it',
    async (way) => {
      const client = await fixture.connect();
      await client.send(pipeline('BLPOP left 0', 'PING'));
      await whenBlocked(redis.address, 1);
      await client[way]();
      await whenBlocked(redis.address, 0);
      await using other = await fixture.connect();
      expect(await transcript(other, ['RPUSH left v', 'LPOP left'])).toEqual([
        'RPUSH left v -> :1\r\n',
        'LPOP left -> $1\r\nv\r\n',
      ]);
      await client.closed;
      expect(await infoOf(fixture.proxy.address, 'blocked_clients')).toBe(0);
    },
  );

  test('a connection that served is used again', async () => {
    await using client = await fixture.connect();
    for (let i = 0; i < 20; i++) {
      await client.send(pipeline('RPUSH again v', 'BLPOP again 0', 'WATCH again', 'UNWATCH'));
      await client.replies(4);
    }
    expect(await infoOf(fixture.proxy.address, 'dedicated_connections')).toBe(1);
  });

  test('closing the proxy does not wait for blocked clients', async () => {
    const other = await startFixture([ALL_SLOTS]);
    const client = await other.connect();
    await client.send(pipeline('BLPOP q 0'));
    await whenBlocked(other.redis[0]!.address, 1);
    await other.proxy.close({ drainTimeoutMs: 60_000 });
    await client.closed;
    expect(other.proxy.clientCount).toBe(0);
    await other.stop();
  });
});

test('a server that dies while a client waits is told to it, and another command works later', async () => {
  const fixture = await startFixture([ALL_SLOTS]);
  const redis = fixture.redis[0]!;
  await using client = await fixture.connect();
  await client.send(pipeline('BLPOP q 0'));
  await whenBlocked(redis.address, 1);
  await redis.kill();
  const lost = `connection to ${redis.address} was lost, the command may have been executed`;
  expect(await client.reply()).toEqual({ type: 'error', value: `ERR ${lost}` });
  await redis.restart();
  await client.send(pipeline('RPUSH q 1', 'BLPOP q 0'));
  expect(await client.replies(2)).toMatchObject([{ value: 1 }, { type: 'array' }]);
  await fixture.stop();
});

test('a watch whose connection broke lets EXEC fail', async () => {
  const fixture = await startFixture([ALL_SLOTS]);
  const redis = fixture.redis[0]!;
  await using client = await fixture.connect();
  await using server = await RawClient.connect(redis.address);
  await transcript(client, ['WATCH a', 'MULTI', 'SET a 1']);
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await expect.poll(() => infoOf(fixture.proxy.address, 'dedicated_connections')).toBe(0);
  expect(await transcript(client, ['EXEC', 'GET a', 'MULTI', 'SET a 1', 'EXEC'])).toEqual([
    'EXEC -> *-1\r\n',
    'GET a -> $-1\r\n',
    'MULTI -> +OK\r\n',
    'SET a 1 -> +QUEUED\r\n',
    'EXEC -> *1\r\n+OK\r\n',
  ]);
  await fixture.stop();
});

test('slots that move end the wait, and let EXEC of a watch fail', async () => {
  const fixture = await startFixture([ALL_SLOTS]);
  const redis = fixture.redis[0]!;
  await using blocked = await fixture.connect();
  await using staying = await fixture.connect();
  await using watching = await fixture.connect();
  await blocked.send(pipeline('BLPOP a 0', 'PING'));
  await staying.send(pipeline('BLPOP b 0'));
  await transcript(watching, ['WATCH a', 'MULTI', 'SET b 1']);
  await whenBlocked(redis.address, 2);
  const peers = [['10.9.8.7:6001', '8192-16383']] as const;
  await setCluster(fixture.proxy, [[redis.address, '0-8191']], { epoch: 2, peers });
  await blocked.replies(2);
  expect(blocked.receivedBytes.toString()).toBe('-MOVED 15495 10.9.8.7:6001\r\n+PONG\r\n');
  await whenBlocked(redis.address, 1);
  await using server = await RawClient.connect(redis.address);
  expect(await server.command('RPUSH', 'a', 'v')).toMatchObject({ value: 1 });
  expect(await server.command('LLEN', 'a')).toMatchObject({ value: 1 });
  expect(await transcript(watching, ['EXEC', 'GET b'])).toEqual([
    'EXEC -> *-1\r\n',
    'GET b -> $-1\r\n',
  ]);
  await server.command('RPUSH', 'b', 'v');
  expect(await staying.reply()).toMatchObject({ type: 'array' });
  await fixture.stop();
});

test('slots that move away from a frozen server end the wait too', async () => {
  const fixture = await startFixture([ALL_SLOTS], { backendTimeoutMs: 300 });
  const redis = fixture.redis[0]!;
  await using blocked = await fixture.connect();
  await blocked.send(pipeline('BLPOP a 0'));
  await whenBlocked(redis.address, 1);
  await redis.kill('SIGSTOP');
  const peers = [['10.9.8.7:6001', ALL_SLOTS]] as const;
  await setCluster(fixture.proxy, [], { epoch: 2, peers, roles: false });
  expect(await blocked.reply()).toEqual({ type: 'error', value: 'MOVED 15495 10.9.8.7:6001' });
  await redis.kill('SIGCONT');
  await fixture.stop();
});

test('dedicated connections are bounded; idle ones make room', async () => {
  const fixture = await startFixture(['0-8191', '8192-16383'], { dedicatedConnectionsMax: 2 });
  const { address } = fixture.proxy;
  const [first, second, third] = await Promise.all([1, 2, 3].map(() => fixture.connect()));
  await first!.send(pipeline('BLPOP a 0'));
  await transcript(second!, ['BLPOP b 0.01']);
  expect(await infoOf(address, 'dedicated_connections')).toBe(2);
  expect(await infoOf(address, 'dedicated_connections_idle')).toBe(1);
  // The idle one is to the other server.
  await second!.send(pipeline('BLPOP a 0'));
  await whenBlocked(address, 2);
  const error = '-ERR max number of dedicated server connections reached\r\n';
  expect(
    await transcript(third!, ['BLPOP a 0', 'WATCH a', 'MULTI', 'RPUSH a 1 2', 'EXEC']),
  ).toEqual([
    `BLPOP a 0 -> ${error}`,
    `WATCH a -> ${error}`,
    'MULTI -> +OK\r\n',
    'RPUSH a 1 2 -> +QUEUED\r\n',
    'EXEC -> *1\r\n:2\r\n',
  ]);
  expect(await infoOf(address, 'dedicated_connections_refused')).toBe(2);
  await Promise.all([first!.reply(), second!.reply()]);
  await Promise.all([first!, second!, third!].map((client) => client.close()));
  await fixture.stop();
});

test('unused dedicated connections are closed', async () => {
  const fixture = await startFixture([ALL_SLOTS], { dedicatedIdleMs: 100 });
  await using client = await fixture.connect();
  await client.command('PING');
  const { address } = fixture.redis[0]!;
  const before = await infoOf(address, 'total_connections_received');
  await transcript(client, ['BLPOP a 0.01']);
  // One for the command, one for this question. By now it may be closed again.
  expect(await infoOf(address, 'total_connections_received')).toBeGreaterThan(before + 1);
  await expect.poll(() => infoOf(fixture.proxy.address, 'dedicated_connections')).toBe(0);
  await fixture.stop();
});

test('input behind a blocking command is kept up to the limit of a command', async () => {
  const fixture = await startFixture([ALL_SLOTS], { queryBufferBytesMax: 200_000 });
  const client = await fixture.connect();
  await client.send(pipeline('BLPOP a 0'));
  await whenBlocked(fixture.proxy.address, 1);
  await client.send(pipeline(`SET b ${'v'.repeat(150_000)}`)).catch(() => undefined);
  await client.send(pipeline(`SET b ${'v'.repeat(150_000)}`)).catch(() => undefined);
  await client.closed;
  await whenBlocked(fixture.redis[0]!.address, 0);
  expect(fixture.proxy.clientCount).toBe(0);
  await fixture.stop();
});

test('WAIT waits for a replica to have the writes before it', async () => {
  const fixture = await startFixture([ALL_SLOTS]);
  const replica = await startRedis({ replicaOf: { port: fixture.redis[0]!.port } });
  await using server = await RawClient.connect(replica.address);
  await expect
    .poll(async () => JSON.stringify(await server.command('ROLE')))
    .toContain(JSON.stringify(Buffer.from('connected')));
  await using client = await fixture.connect();
  for (let i = 1; i <= 20; i++) {
    await client.send(pipeline(`SET a ${i}`, 'WAIT 1 10000'));
    expect(await client.replies(2)).toMatchObject([{ value: 'OK' }, { value: 1 }]);
    expect(await server.command('GET', 'a')).toMatchObject({ value: Buffer.from(String(i)) });
  }
  await replica.kill('SIGSTOP');
  await client.send(pipeline('SET a 21', 'WAIT 1 50', 'WAIT 0 0'));
  expect(await client.replies(3)).toMatchObject([{ value: 'OK' }, { value: 0 }, { value: 0 }]);
  await replica.kill('SIGCONT');
  await Promise.all([fixture.stop(), replica.stop()]);
});

test('WAIT counts the replicas of the server that has the fewest', async () => {
  const fixture = await startFixture(['0-8191', '8192-16383']);
  const [first, second] = fixture.redis;
  const replicas = await Promise.all(
    [first, second].map((server) => startRedis({ replicaOf: { port: server!.port } })),
  );
  await using client = await fixture.connect();
  await expect
    .poll(async () => transcript(client, ['WAIT 1 100']))
    .toEqual(['WAIT 1 100 -> :1\r\n']);
  await replicas[1]!.kill('SIGSTOP');
  expect(await transcript(client, ['WAIT 1 50', 'GET a'])).toEqual([
    'WAIT 1 50 -> :0\r\n',
    'GET a -> $-1\r\n',
  ]);
  await using other = await fixture.connect();
  const id = await client.command('CLIENT', 'ID');
  await client.send(pipeline('WAIT 1 0', 'PING'));
  await whenBlocked(second!.address, 1);
  const number = id.type === 'integer' ? String(id.value) : '';
  expect(await transcript(other, [`CLIENT UNBLOCK ${number} TIMEOUT`])).toEqual([
    `CLIENT UNBLOCK ${number} TIMEOUT -> :1\r\n`,
  ]);
  expect(await client.replies(2)).toMatchObject([{ value: 0 }, { value: 'PONG' }]);
  await client.send(pipeline('WAIT 1 0'));
  await whenBlocked(second!.address, 1);
  await client.close();
  await whenBlocked(second!.address, 0);
  await whenBlocked(fixture.proxy.address, 0);
  await replicas[1]!.kill('SIGCONT');
  await Promise.all([fixture.stop(), ...replicas.map((replica) => replica.stop())]);
});

test('a blocking command behind one whose server was lost is not lost with it', async () => {
  const fixture = await startFixture([ALL_SLOTS]);
  const redis = fixture.redis[0]!;
  await using client = await fixture.connect();
  await using server = await RawClient.connect(redis.address);
  await client.send(pipeline('BLPOP q 0', 'BLPOP q 0'));
  await whenBlocked(redis.address, 1);
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  expect((await client.reply()).type).toBe('error');
  await whenBlocked(redis.address, 1);
  await server.command('RPUSH', 'q', 'v');
  expect(await client.reply()).toMatchObject({ type: 'array' });
  await fixture.stop();
});
