// Scripts and functions through a proxy, beside a Redis server in cluster mode that gets the same commands.
import { encodeCommand } from '@undermoon/resp';
import { RawClient } from '@undermoon/testkit';
import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProxyServer } from '../src/index.ts';
import { ALL_SLOTS, setCluster, startFixture } from './fixture.ts';
import { startTwins, transcript, type Twins } from './reference.ts';

// SHA-1 of "return 1".
const ONE = 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db';
// SHA-1 of "return{7}".
const SEVEN = '50c0bf1cbe43e6340eac04cc7de7430ad4234b17';
const LIBRARY =
  "#!lua name=lib\nredis.register_function('first', function(keys) return keys[1] or 'none' end)";

describe('as Redis answers', () => {
  let twins: Twins;
  beforeAll(async () => {
    twins = await startTwins();
  });
  afterAll(() => twins.stop());

  const scripts: readonly (readonly string[])[] = [
    [
      `SCRIPT EXISTS ${ONE} x`,
      'SCRIPT_LOAD return 1',
      `SCRIPT EXISTS ${ONE} x`,
      `EVALSHA ${ONE} 0`,
    ],
    [`EVALSHA ${ONE} 1 a`, `EVALSHA_RO ${ONE} 1 a`, `EVALSHA ${ONE.toUpperCase()} 0`],
    ['SCRIPT FLUSH x', 'SCRIPT FLUSH SYNC', `SCRIPT EXISTS ${ONE}`, `EVALSHA ${ONE} 0`],
    ['SCRIPT_LOAD return 1', 'MULTI', 'SCRIPT FLUSH', 'EXEC', `SCRIPT EXISTS ${ONE}`],
    ['MULTI', 'EVAL return{7} 0', 'DISCARD', `SCRIPT EXISTS ${SEVEN}`, `EVALSHA ${SEVEN} 0`],
    ['MULTI', 'EVAL return{7} 0', 'EXEC', `SCRIPT EXISTS ${SEVEN}`, `EVALSHA ${SEVEN} 0`],
    [
      'SCRIPT LOAD',
      'SCRIPT_LOAD return (',
      'SCRIPT NOSUCH',
      'SCRIPT KILL',
      'SCRIPT FLUSH',
      'SCRIPT',
    ],
    ['EVAL return{1,ARGV[1]} 0 x', 'EVAL return{KEYS[1]} 1 a', 'EVAL_RO return{1} 0', 'EVAL x x'],
    [
      "EVAL return{redis.call('SET',KEYS[1],ARGV[1])} 1 s 1",
      'GET s',
      'DEL s',
      'EVAL x -1',
      'EVAL x 2 a',
    ],
    [
      'FUNCTION_LOAD',
      'FUNCTION_LOAD',
      'FCALL first 0',
      'FCALL first 1 a',
      'FCALL nosuch 0',
      'FCALL_RO first 0',
    ],
    [
      'FUNCTION LIST',
      'FUNCTION DELETE lib',
      'FUNCTION DELETE lib',
      'FUNCTION KILL',
      'FUNCTION FLUSH',
    ],
    ['FUNCTION DUMP', 'FUNCTION RESTORE x', 'FUNCTION NOSUCH', 'FUNCTION FLUSH x', 'FUNCTION'],
    [
      'MULTI',
      'EVAL return{1} 0',
      'SCRIPT_LOAD return 1',
      `EVALSHA ${ONE} 0`,
      'EXEC',
      'SCRIPT FLUSH',
    ],
    ['MULTI', `EVALSHA ${ONE} 1 a`, 'PING', 'EXEC'],
  ];

  /** Scripts have blanks in them. */
  async function run(client: RawClient, lines: readonly string[]): Promise<string[]> {
    const answers: string[] = [];
    for (const line of lines) {
      const before = client.receivedBytes.length;
      if (line.startsWith('SCRIPT_LOAD')) await client.command('SCRIPT', 'LOAD', line.slice(12));
      else if (line === 'FUNCTION_LOAD') await client.command('FUNCTION', 'LOAD', LIBRARY);
      else await client.command(...line.split(' '));
      answers.push(`${line} -> ${client.receivedBytes.subarray(before).toString('latin1')}`);
    }
    return answers;
  }

  test.each([2, 3])('RESP%i', async (protocol) => {
    for (const script of scripts) {
      const [proxied, direct] = await twins.connect();
      await proxied.command('HELLO', String(protocol));
      await direct.command('HELLO', String(protocol));
      expect(await run(proxied, script)).toEqual(await run(direct, script));
      await Promise.all([proxied.close(), direct.close()]);
    }
  });
});

test('a script is loaded into every server, and again into one that lost it', async () => {
  const fixture = await startFixture(['0-8191', '8192-16383']);
  const [first, second] = fixture.redis;
  await using client = await fixture.connect();
  // b is on the first server, a on the second.
  expect(await client.command('SCRIPT', 'LOAD', 'return 1')).toMatchObject({ type: 'bulk' });
  const calls = [`EVALSHA ${ONE} 1 a`, `EVALSHA ${ONE} 1 b`];
  const answers = calls.map((call) => `${call} -> :1\r\n`);
  expect(await transcript(client, calls)).toEqual(answers);
  await second!.restart();
  await first!.restart();
  expect(await transcript(client, [`SCRIPT EXISTS ${ONE}`])).toEqual([
    `SCRIPT EXISTS ${ONE} -> *1\r\n:1\r\n`,
  ]);
  await client.send(
    Buffer.concat(
      ['SET a 1', calls[0]!, 'INCR a', `evalsha ${ONE.toUpperCase()} 1 b`, 'GET a'].map((line) =>
        encodeCommand(line.split(' ')),
      ),
    ),
  );
  expect(await client.replies(5)).toMatchObject([
    { value: 'OK' },
    { value: 1 },
    { value: 2 },
    { value: 1 },
    { value: Buffer.from('2') },
  ]);
  await second!.restart();
  await client.command('GET', 'b');
  await expect
    .poll(async () => transcript(client, ['MULTI', calls[0]!, 'EXEC']))
    .toEqual(['MULTI -> +OK\r\n', `${calls[0]} -> +QUEUED\r\n`, 'EXEC -> *1\r\n:1\r\n']);
  await client.command('SCRIPT', 'FLUSH');
  expect((await client.command('EVALSHA', ONE, '1', 'a')).type).toBe('error');
  await fixture.stop();
});

test('kept scripts are bounded; one that was not kept is reported missing', async () => {
  const fixture = await startFixture([ALL_SLOTS], { scriptCacheBytesMax: 7 });
  await using client = await fixture.connect();
  await client.command('SCRIPT', 'LOAD', 'return 1');
  await fixture.redis[0]!.restart();
  await expect
    .poll(async () => JSON.stringify(await client.command('EVALSHA', ONE, '0')))
    .toContain('NOSCRIPT');
  await fixture.stop();
});

test('SCRIPT KILL ends a script although its connection is busy with it', async () => {
  const fixture = await startFixture([ALL_SLOTS], { backendTimeoutMs: 60_000 });
  await using busy = await fixture.connect();
  await using other = await fixture.connect();
  await using server = await RawClient.connect(fixture.redis[0]!.address);
  await server.command('CONFIG', 'SET', 'busy-reply-threshold', '50');
  await busy.send(encodeCommand(['EVAL', 'while true do end', '0']));
  await expect.poll(async () => JSON.stringify(await server.command('GET', 'a'))).toContain('BUSY');
  expect(await transcript(other, ['SCRIPT KILL'])).toEqual(['SCRIPT KILL -> +OK\r\n']);
  expect((await busy.reply()).type).toBe('error');
  await fixture.stop();
});

test('ioredis runs its scripts, in a pipeline after a server was started anew too', async () => {
  const fixture = await startFixture([ALL_SLOTS]);
  const [host = '', port = ''] = fixture.proxy.address.split(':');
  const cluster = new Cluster([{ host, port: Number(port) }]);
  expect(await cluster.script('LOAD', 'return 1')).toBe(ONE);
  await fixture.redis[0]!.restart();
  await expect.poll(() => cluster.set('a', '1').catch(() => '')).toBe('OK');
  expect(await cluster.pipeline().evalsha(ONE, 1, 'a').get('a').exec()).toEqual([
    [null, 1],
    [null, '1'],
  ]);
  expect(await cluster.eval('return 2', 0)).toBe(2);
  await cluster.quit();
  await fixture.stop();
});

test('servers that cannot be reached are an error, and the commands behind it run once, in order', async () => {
  const proxy = createProxyServer({ address: '127.0.0.1:0', plainAddress: '127.0.0.1:0' });
  await proxy.listen();
  await setCluster(proxy, [['127.0.0.1:1', ALL_SLOTS]], { roles: false });
  const lines = ['SCRIPT LOAD x', 'SCRIPT FLUSH', 'SCRIPT KILL', 'FUNCTION FLUSH', 'FUNCTION LIST'];
  for (const address of [proxy.address, proxy.plainAddress ?? '']) {
    await using client = await RawClient.connect(address);
    // The first attempt finds out, the later ones know.
    for (let attempt = 0; attempt < 3; attempt++) {
      const commands = lines.flatMap((line) => [line, `ECHO ${attempt}:${line[9]}`]);
      const bytes = Buffer.concat(commands.map((line) => encodeCommand(line.split(' '))));
      // Input that begins with a part of a command is kept and dispatched from there.
      await client.send(Buffer.concat([encodeCommand(['PING']), bytes.subarray(0, 10)]));
      expect(await client.reply()).toMatchObject({ value: 'PONG' });
      await client.send(bytes.subarray(10));
      const replies = await client.replies(commands.length);
      replies.forEach((reply, i) => {
        if (i % 2 === 0) expect(JSON.stringify(reply)).toMatch(/CLUSTERDOWN .*127\.0\.0\.1:1/);
        else expect(reply).toMatchObject({ value: Buffer.from(commands[i]?.slice(5) ?? '') });
      });
    }
  }
  proxy.destroy();
});
