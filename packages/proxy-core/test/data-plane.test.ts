import { keySlotOf } from '@undermoon/slots';
import { encodeCommand } from '@undermoon/resp';
import type { RawClient } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fixture, startFixture } from './fixture.ts';

const PEER = '10.9.8.7:6001';

// Slots 0-5460 on the first server, 5461-10922 on the second, the rest at a peer.
const LOCAL = ['0-5460', '5461-10922'] as const;
const onFirst = keyIn(0, 5460);
const onSecond = keyIn(5461, 10_922);
const atPeer = keyIn(10_923, 16_383);

function keyIn(from: number, to: number): (name: string) => string {
  return (name) => {
    for (let i = 0; ; i++) {
      const key = `${name}:${i}`;
      const slot = keySlotOf(key);
      if (slot >= from && slot <= to) return key;
    }
  };
}

function pipeline(...commands: readonly string[][]): Buffer {
  return Buffer.concat(commands.map((command) => encodeCommand(command)));
}

async function bytesUntil(client: RawClient, expected: string): Promise<string> {
  while (client.receivedBytes.length < expected.length) await client.reply();
  return client.receivedBytes.toString('latin1');
}

describe.each([
  ['raw-handle', 1],
  ['shared-buffer', 1],
  ['data-events', 1],
  ['raw-handle', 2],
  ['raw-handle', 3],
] as const)('sockets used by %s, %i loops', (sockets, threads) => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await startFixture(LOCAL, { sockets, threads }, [[PEER, '10923-16383']]);
    // So that the clients of the tests do not all belong to the control loop.
    if (threads > 1) await fixture.connect();
  });
  afterAll(() => fixture.stop());

  test('where keys are is looked at before options, as in Redis Cluster', async () => {
    const a = onFirst('places');
    const c = atPeer('places');
    const client = await fixture.connect();
    const moved = `-MOVED ${keySlotOf(c)} ${PEER}\r\n`;
    const expected =
      "-CROSSSLOT Keys in request don't hash to the same slot\r\n" +
      `${moved}${moved}-ERR DB index is out of range\r\n` +
      '-ERR BY option of SORT denied in Cluster mode.\r\n';
    await client.send(
      pipeline(
        ['COPY', a, onSecond('places'), 'DB', '16'],
        ['COPY', c, c, 'DB', '1'],
        ['SORT', c, 'BY', 'weight_*'],
        ['COPY', a, a, 'DB', '16'],
        ['SORT', a, 'BY', 'weight_*'],
      ),
    );
    expect(await bytesUntil(client, expected)).toBe(expected);
  });

  test('replies to a mixed pipeline come in request order, whoever made them', async () => {
    const a = onFirst('order');
    const b = onSecond('order');
    const c = atPeer('order');
    const client = await fixture.connect();
    const moved = `-MOVED ${keySlotOf(c)} ${PEER}\r\n`;
    const expected =
      `+OK\r\n+OK\r\n+PONG\r\n$1\r\n1\r\n$1\r\n2\r\n${moved}:2\r\n$2\r\nhi\r\n` +
      "-CROSSSLOT Keys in request don't hash to the same slot\r\n:3\r\n:0\r\n" +
      "-ERR unknown command 'nosuch', with args beginning with: 'x' \r\n" +
      "-ERR wrong number of arguments for 'get' command\r\n$1\r\n3\r\n";
    await client.send(
      pipeline(
        ['SET', a, '1'],
        ['set', b, '2'],
        ['PING'],
        ['GET', a],
        ['GET', b],
        ['GET', c],
        ['INCR', a],
        ['ECHO', 'hi'],
        ['MGET', a, b],
        ['INCR', a],
        ['DEL', onFirst('missing')],
        ['nosuch', 'x'],
        ['GET'],
        ['GET', a],
      ),
    );
    expect(await bytesUntil(client, expected)).toBe(expected);
    await client.close();
  });

  test('commands that begin like others before them are read as those', async () => {
    const a = onFirst('alike');
    const b = onSecond('alike');
    const client = await fixture.connect();
    const expected =
      '+OK\r\n$1\r\n1\r\n$1\r\n1\r\n$-1\r\n+OK\r\n+QUEUED\r\n*1\r\n$1\r\n1\r\n$1\r\n1\r\n' +
      "-ERR wrong number of arguments for 'get' command\r\n$1\r\n1\r\n" +
      '-ERR Protocol error: invalid bulk length\r\n';
    const wrong = Buffer.from('*2\r\n$3\r\nGET\r\n$x\r\n');
    await client.send(
      Buffer.concat([
        pipeline(
          ['SET', a, '1'],
          ['GET', a],
          ['GET', a],
          ['GET', b],
          ['MULTI'],
          ['GET', a],
          ['EXEC'],
          ['GET', a],
          ['GET', a, 'more'],
          ['GET', a],
        ),
        wrong,
      ]),
    );
    expect(await bytesUntil(client, expected)).toBe(expected);
    await client.close();
  });

  test('a pipeline cut at every byte gives the same bytes', async () => {
    const a = onFirst('cut');
    const b = onSecond('cut');
    const bytes = pipeline(
      ['SET', a, 'x\r\ny'],
      ['GET', a],
      ['SET', b, ''],
      ['GET', b],
      ['PING', 'pong'],
      ['DEL', a],
    );
    const expected = '+OK\r\n$4\r\nx\r\ny\r\n+OK\r\n$0\r\n\r\n$4\r\npong\r\n:1\r\n';
    const client = await fixture.connect();
    await client.sendByteByByte(bytes);
    expect(await bytesUntil(client, expected)).toBe(expected);
    await client.close();
    for (let cut = 1; cut < bytes.length; cut += 7) {
      const other = await fixture.connect();
      await other.send(bytes.subarray(0, cut));
      await other.send(bytes.subarray(cut));
      expect(await bytesUntil(other, expected)).toBe(expected);
      await other.close();
    }
  });

  test('large values pass both ways, alone and behind each other', async () => {
    const client = await fixture.connect();
    const a = onFirst('large');
    const b = onSecond('large');
    const value = Buffer.alloc(7_000_001, 'abcdefghij');
    expect(await client.command('SET', a, value)).toMatchObject({ type: 'simple', value: 'OK' });
    await client.send(pipeline(['GET', a], ['SET', b, 'small'], ['GET', a], ['GET', b], ['PING']));
    const [first, set, second, small, pong] = await client.replies(5);
    for (const reply of [first, second]) {
      expect(reply?.type === 'bulk' && reply.value.equals(value)).toBe(true);
    }
    expect([set, small, pong]).toMatchObject([
      { value: 'OK' },
      { value: Buffer.from('small') },
      { value: 'PONG' },
    ]);
    await client.close();
  });

  test('a command with many arguments in many chunks is linear work and arrives whole', async () => {
    const client = await fixture.connect();
    const key = onFirst('many');
    const words = Array.from({ length: 100_000 }, (_, i) => `member-${i}`);
    expect(await client.command('SADD', key, ...words)).toMatchObject({ value: 100_000 });
    expect(await client.command('SCARD', key)).toMatchObject({ value: 100_000 });
    await client.close();
  });

  test('inline commands, blank lines and empty arrays are taken as Redis takes them', async () => {
    const client = await fixture.connect();
    const a = onFirst('inline');
    await client.send(`\r\n*0\r\nSET ${a} "a b\\x41"\r\nget ${a}\n*-1\r\nPING\r\n`);
    const expected = '+OK\r\n$4\r\na bA\r\n+PONG\r\n';
    expect(await bytesUntil(client, expected)).toBe(expected);
    await client.close();
  });

  test.each([
    ['*1\r\n$abc\r\n', '-ERR Protocol error: invalid bulk length\r\n'],
    ['*99999999999\r\n', '-ERR Protocol error: invalid multibulk length\r\n'],
    ['*1\r\n!3\r\nabc\r\n', "-ERR Protocol error: expected '$', got '!'\r\n"],
    ['*1\r\n$99999999999999\r\n', '-ERR Protocol error: invalid bulk length\r\n'],
    ['GET "unbalanced\r\n', '-ERR Protocol error: unbalanced quotes in request\r\n'],
  ])(
    'malformed %j is reported after the replies owed, then the connection closes',
    async (bad, error) => {
      const client = await fixture.connect();
      const a = onFirst('malformed');
      await client.send(Buffer.concat([pipeline(['SET', a, '1'], ['INCR', a]), Buffer.from(bad)]));
      await client.closed;
      expect(client.receivedBytes.toString()).toBe(`+OK\r\n:2\r\n${error}`);
    },
  );

  test('an announced length costs nothing until its bytes arrive', async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => fixture.connect()));
    const before = process.memoryUsage().arrayBuffers;
    const a = onFirst('announced');
    for (const client of clients) {
      await client.send(`*3\r\n$3\r\nSET\r\n$${a.length}\r\n${a}\r\n$400000000\r\nabc`);
    }
    const probe = await fixture.connect();
    expect(await probe.command('PING')).toMatchObject({ value: 'PONG' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
    await Promise.all([...clients, probe].map((client) => client.close()));
  });

  test('a client that shuts down its sending side gets what it is owed', async () => {
    const client = await fixture.connect();
    const a = onFirst('half');
    await client.send(pipeline(['SET', a, '1'], ['INCR', a], ['PING']));
    client.end();
    await client.closed;
    expect(client.receivedBytes.toString()).toBe('+OK\r\n:2\r\n+PONG\r\n');
  });

  test('HELLO in a pipeline switches the protocol for what follows it, in order', async () => {
    const client = await fixture.connect();
    const a = onFirst('hello');
    await client.send(
      pipeline(
        ['HSET', a, 'f', 'v'],
        ['HGETALL', a],
        ['HELLO', '3'],
        ['HGETALL', a],
        ['HELLO', '2'],
        ['HGETALL', a],
      ),
    );
    const replies = await client.replies(6);
    expect(replies.map((reply) => reply.type)).toEqual([
      'integer',
      'array',
      'map',
      'map',
      'array',
      'array',
    ]);
    await client.close();
  });

  test('session commands answer as Redis does', async () => {
    const client = await fixture.connect();
    const text = async (...words: string[]): Promise<unknown> => {
      const reply = await client.command(...words);
      return 'value' in reply ? String(reply.value) : reply.type;
    };
    expect(await text('SELECT', '0')).toBe('OK');
    expect(await text('SELECT', '1')).toBe('ERR SELECT is not allowed in cluster mode');
    expect(await text('SELECT', '00')).toBe('ERR value is not an integer or out of range');
    expect(await text('SELECT', '2147483648')).toBe(
      'ERR value is out of range, value must between -2147483648 and 2147483647',
    );
    expect(await text('CLIENT', 'SETNAME', 'tester')).toBe('OK');
    expect(await text('CLIENT', 'GETNAME')).toBe('tester');
    expect(await text('CLIENT', 'SETNAME', 'a b')).toContain('cannot contain spaces');
    expect(await text('CLIENT', 'SETINFO', 'LIB-NAME', 'x')).toBe('OK');
    expect(await text('CLIENT', 'INFO')).toContain('lib-name=x');
    expect(Number(await text('CLIENT', 'ID'))).toBeGreaterThan(0);
    expect(await text('READONLY')).toBe('OK');
    expect(await text('READWRITE')).toBe('OK');
    expect(await text('RESET')).toBe('RESET');
    expect(await text('CLIENT', 'GETNAME')).toBe('null');
    expect(await text('CLUSTER', 'KEYSLOT', 'foo')).toBe('12182');
    expect(await text('HELLO', '4')).toBe('NOPROTO unsupported protocol version');
    expect(await text('AUTH', 'x')).toContain('without any password configured');
    expect(await text('BGSAVE')).toContain("'bgsave' is not available");
    expect(await text('XREAD', 'BLOCK', '1', 'STREAMS', onFirst('x'), '0')).toBe('null');
    expect(await text('QUIT')).toBe('OK');
    await client.closed;
  });

  test('slots that nobody serves are down, keys elsewhere are redirected', async () => {
    const partial = await startFixture(['0-100'], { sockets });
    const client = await partial.connect();
    expect(await client.command('GET', 'foo')).toMatchObject({
      type: 'error',
      value: 'CLUSTERDOWN Hash slot not served',
    });
    await client.close();
    await partial.stop();
  });
});

test('a password guards everything but the control commands of peers', async () => {
  const fixture = await startFixture(['0-16383'], { password: 'secret' });
  const client = await fixture.connect();
  const first = await client.command('GET', 'a');
  expect(first).toMatchObject({ value: 'NOAUTH Authentication required.' });
  expect(await client.command('CONFIG', 'GET', '*')).toMatchObject({ type: 'error' });
  expect(await client.command('UMCTL', 'GETEPOCH')).toMatchObject({ value: 1 });
  expect(await client.command('HELLO', '3')).toMatchObject({ type: 'error' });
  expect(await client.command('AUTH', 'wrong')).toMatchObject({
    value: 'WRONGPASS invalid username-password pair or user is disabled.',
  });
  await client.send(pipeline(['AUTH', 'default', 'secret'], ['SET', 'a', '1'], ['GET', 'a']));
  expect(await client.replies(3)).toMatchObject([
    { value: 'OK' },
    { value: 'OK' },
    { value: Buffer.from('1') },
  ]);
  await client.close();
  const other = await fixture.connect();
  expect(
    await other.command('HELLO', '3', 'AUTH', 'default', 'secret', 'SETNAME', 'me'),
  ).toMatchObject({
    type: 'map',
  });
  expect(await other.command('CLIENT', 'GETNAME')).toMatchObject({ value: Buffer.from('me') });
  await other.close();
  await fixture.stop();
});

test('clients past the limit get Redis error and a closed connection', async () => {
  const fixture = await startFixture(['0-16383'], { clientsMax: 2 });
  const clients = [await fixture.connect(), await fixture.connect()];
  for (const client of clients) await client.command('PING');
  const refused = await fixture.connect();
  expect(await refused.reply()).toMatchObject({ value: 'ERR max number of clients reached' });
  await refused.closed;
  await clients[0]?.close();
  await expect.poll(() => fixture.proxy.clientCount).toBe(1);
  const next = await fixture.connect();
  expect(await next.command('PING')).toMatchObject({ value: 'PONG' });
  await Promise.all([next.close(), clients[1]?.close()]);
  await fixture.stop();
});
