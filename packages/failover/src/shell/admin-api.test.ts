import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { encodeCommand, ValueDecoder } from '@undermoon/resp';
import type { RespValue } from '@undermoon/resp';
import { silentLogger } from '@undermoon/runtime';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { address } from '../../test/fixtures.ts';
import { VirtualClock } from '../../test/virtual-clock.ts';
import { AdminApi } from './admin-api.ts';

/** A raw connection that gives replies one by one. */
class Client {
  readonly socket: Socket;
  readonly #decoder = new ValueDecoder();

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => this.#decoder.push(chunk));
  }

  async reply(): Promise<RespValue> {
    for (;;) {
      const value = this.#decoder.next();
      if (value !== undefined) return value;
      await once(this.socket, 'data');
    }
  }

  async ask(...words: readonly (string | Uint8Array)[]): Promise<RespValue> {
    this.socket.write(encodeCommand(words));
    return this.reply();
  }

  async closed(): Promise<void> {
    this.socket.resume();
    if (!this.socket.destroyed) await once(this.socket, 'close');
  }
}

let clock: VirtualClock;
let brokers: readonly string[];
let api: AdminApi;
let port: number;
let client: Client;

function create(overrides: { sessionsMax?: number; address?: string } = {}): AdminApi {
  return new AdminApi({
    address: address(overrides.address ?? '127.0.0.1:0'),
    clock,
    logger: silentLogger,
    idleMs: 300_000,
    sessionsMax: overrides.sessionsMax ?? 100,
    requestBytesMax: 65_536,
    outputBytesMax: 1 << 20,
    context: {
      version: '1.2.3',
      brokers: () => brokers,
      setBrokers: (list) => {
        if (list.includes('[bad]:1')) throw new RangeError('brokers: "[bad]:1" is not "host:port"');
        brokers = list;
      },
      reporterId: () => 'me',
      uptimeMs: () => 61_000,
      status: () => ({
        brokerReach: 'reachable',
        brokerEpoch: 7,
        clusters: [],
        proxies: 4,
        alive: 3,
        suspect: 1,
        reported: 0,
        missingMasters: 1,
        behind: 0,
        ahead: 0,
        isBraking: false,
      }),
    },
  });
}

beforeEach(async () => {
  clock = new VirtualClock();
  brokers = ['10.0.0.1:7799', 'broker-2.local:7799'];
  api = create();
  port = await api.listen();
  client = new Client(port);
});

afterEach(async () => {
  client.socket.destroy();
  await api.close();
});

const error = (value: string): object => ({ type: 'error', value });
const simple = (value: string): object => ({ type: 'simple', value });
const bulk = (value: string): object => ({ type: 'bulk', value: Buffer.from(value) });

describe('commands', () => {
  const CASES: readonly (readonly [readonly (string | Uint8Array)[], object])[] = [
    [['PING'], simple('PONG')],
    [['ping', 'hello'], bulk('hello')],
    [['PING', 'a', 'b'], error("ERR wrong number of arguments for 'ping' command")],
    [['CONFIG', 'GET', 'brokers'], bulk('10.0.0.1:7799,broker-2.local:7799')],
    [['config', 'get', 'reporter_id'], bulk('me')],
    [['CONFIG', 'GET', 'BROKERS'], error('Invalid CONFIG field BROKERS')],
    [['CONFIG', 'SET', 'reporter_id', 'x'], error('Invalid CONFIG SET field reporter_id')],
    [['CONFIG', 'SET', 'brokers'], error('Missing sub argument')],
    [['CONFIG', 'rewrite', 'x'], error('Invalid config sub command: REWRITE')],
    [['CONFIG', 'GET'], error('Missing sub argument')],
    [['CONFIG', 'FOO'], error('Missing sub argument')],
    [['UMCTL', 'DEBUG'], error('Missing sub argument')],
    [['UMCTL', 'DEBUG', 'PAST'], error('Invalid sub command for UMCTL')],
    [['UMCTL', 'INFO', 'x'], error('Invalid sub command for UMCTL')],
    [['CONFIG', 'GET', Buffer.from([0xff])], error('Invalid sub argument')],
    [['AUTH', 'x'], error('ERR_COMMAND_NOT_SUPPORTED: AUTH')],
    [['CoMMand'], error('ERR_COMMAND_NOT_SUPPORTED: CoMMand')],
    [['HELLO', '4'], error('NOPROTO unsupported protocol version')],
    [['HELLO', '3', 'AUTH', 'a', 'b'], error("ERR Syntax error in HELLO option 'AUTH'")],
  ];

  test.each(CASES)('%j', async (words, expected) => {
    expect(await client.ask(...words)).toEqual(expected);
  });

  test('pipelined and cut at every byte, replies keep their order', async () => {
    const bytes = Buffer.concat(CASES.map(([words]) => encodeCommand(words)));
    for (const byte of bytes) client.socket.write(Buffer.of(byte));
    for (const [, expected] of CASES) expect(await client.reply()).toEqual(expected);
  });

  test('inline commands work too', async () => {
    client.socket.write('PING\r\n\r\nCONFIG GET "reporter_id"\r\n');
    expect(await client.reply()).toEqual(simple('PONG'));
    expect(await client.reply()).toEqual(bulk('me'));
  });

  test('CONFIG SET brokers takes a list, and refuses what is no address', async () => {
    expect(await client.ask('CONFIG', 'SET', 'brokers', 'a:1,b:2')).toEqual(simple('OK'));
    expect(brokers).toEqual(['a:1', 'b:2']);
    expect(await client.ask('CONFIG', 'SET', 'brokers', 'a:1, b:2')).toEqual(
      error('Invalid CONFIG SET value for brokers: " b:2" is not host:port'),
    );
    expect(await client.ask('CONFIG', 'SET', 'brokers', '[bad]:1')).toMatchObject({
      type: 'error',
    });
    const many = Array.from({ length: 65 }, (_, index) => `h${index}:1`).join(',');
    expect(await client.ask('CONFIG', 'SET', 'brokers', many)).toMatchObject({ type: 'error' });
    expect(brokers).toEqual(['a:1', 'b:2']);
    expect(await client.ask('CONFIG', 'SET', 'brokers', '')).toEqual(simple('OK'));
    expect(brokers).toEqual([]);
    expect(await client.ask('CONFIG', 'GET', 'brokers')).toEqual(bulk(''));
  });

  test('HELLO changes the protocol', async () => {
    const two = await client.ask('HELLO');
    expect(two).toMatchObject({ type: 'array' });
    const three = await client.ask('HELLO', '3', 'SETNAME', 'x');
    expect(three).toMatchObject({ type: 'map' });
    const pairs = three.type === 'map' ? three.entries : [];
    expect(pairs.map(([key]) => (key.type === 'bulk' ? key.value.toString() : ''))).toEqual([
      'server',
      'version',
      'proto',
      'id',
      'mode',
      'role',
      'modules',
    ]);
    expect(await client.ask('INFO')).toMatchObject({ type: 'verbatim', format: 'txt' });
    expect(await client.ask('HELLO', '2')).toMatchObject({ type: 'array' });
  });

  test('INFO tells the state', async () => {
    const info = await client.ask('INFO');
    const text = info.type === 'bulk' ? info.value.toString() : '';
    expect(text).toContain('undermoon_coordinator_version:1.2.3\r\n');
    expect(text).toContain('uptime_in_seconds:61\r\n');
    expect(text).toContain('connected_clients:1\r\n');
    expect(text).toContain('brokers:10.0.0.1:7799,broker-2.local:7799\r\n');
    expect(text).toContain('broker_epoch:7\r\n');
    expect(text).toContain('proxies_suspect:1\r\n');
    expect(text).toContain('proxies_missing_masters:1\r\n');
    expect(text).toContain('mass_failure_brake:0\r\n');
  });

  test('UMCTL DEBUG FUTURE lists the sessions', async () => {
    await client.ask('PING');
    const other = new Client(port);
    const list = await other.ask('UMCTL', 'debug', 'future');
    const lines =
      list.type === 'array'
        ? list.items.map((item) => (item.type === 'bulk' ? item.value.toString() : ''))
        : [];
    expect(lines).toHaveLength(2);
    const local = `127.0.0.1:${client.socket.localPort}`;
    expect(lines[0]).toMatch(
      new RegExp(
        `^0 \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d session: session_id=0 peer=${local}$`,
      ),
    );
    other.socket.destroy();
  });

  test('QUIT answers, then closes', async () => {
    expect(await client.ask('QUIT')).toEqual(simple('OK'));
    await client.closed();
  });

  test.each([2, 3] as const)('a stock client gets along with protocol %i', async (protocol) => {
    const redis = new Redis({ port, host: '127.0.0.1', protocol, lazyConnect: true });
    await redis.connect();
    expect(await redis.ping()).toBe('PONG');
    expect(await redis.call('CONFIG', 'GET', 'reporter_id')).toBe('me');
    redis.disconnect();
    await once(redis, 'end');
  });
});

describe('bad input', () => {
  test.each([
    ['*1\r\n:1\r\n', "ERR Protocol error: expected '$', got ':'"],
    ['*99999999\r\n', 'ERR Protocol error: invalid multibulk length'],
    ['*1\r\n$999999999\r\n', 'ERR Protocol error: invalid bulk length'],
    ['PING "x\r\n', 'ERR Protocol error: unbalanced quotes in request'],
  ])('%j is answered, after what was owed, and closes', async (bytes, text) => {
    client.socket.write(Buffer.concat([encodeCommand(['PING']), Buffer.from(bytes)]));
    expect(await client.reply()).toEqual(simple('PONG'));
    expect(await client.reply()).toEqual(error(text));
    await client.closed();
    const next = new Client(port);
    expect(await next.ask('PING')).toEqual(simple('PONG'));
    next.socket.destroy();
  });

  test('a request that does not end is cut off', async () => {
    client.socket.write(`*1000\r\n${'$60000\r\n'.concat('x'.repeat(60_000), '\r\n').repeat(2)}`);
    expect(await client.reply()).toEqual(error('ERR Protocol error: too big request'));
    await client.closed();
  });

  test('text of the caller cannot forge a reply', async () => {
    client.socket.write(encodeCommand(['NO\r\n+OK\r\n']));
    expect(await client.reply()).toMatchObject({ type: 'error' });
    expect(await client.ask('PING')).toEqual(simple('PONG'));
  });
});

describe('sessions', () => {
  test('only those that were silent for 300 s are closed', async () => {
    const silent = new Client(port);
    await silent.ask('PING');
    clock.advance(200_000);
    expect(await client.ask('PING')).toEqual(simple('PONG'));
    clock.advance(90_000);
    expect(api.sessions()).toHaveLength(2);
    clock.advance(60_000);
    await silent.closed();
    expect(await client.ask('PING')).toEqual(simple('PONG'));
  });

  test('a client that says nothing right after connecting stays', async () => {
    await once(client.socket, 'connect');
    clock.advance(1000);
    expect(await client.ask('PING')).toEqual(simple('PONG'));
  });

  test('more than allowed are refused, the others go on', async () => {
    const small = create({ sessionsMax: 1 });
    const smallPort = await small.listen();
    const first = new Client(smallPort);
    expect(await first.ask('PING')).toEqual(simple('PONG'));
    const second = new Client(smallPort);
    second.socket.on('error', () => undefined);
    await second.closed();
    expect(await first.ask('PING')).toEqual(simple('PONG'));
    await small.close();
  });

  test('a port that is taken is a clear error', async () => {
    const second = create({ address: `127.0.0.1:${port}` });
    await expect(second.listen()).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: expect.stringContaining(`127.0.0.1:${port}`) as string,
    });
    await second.close();
  });

  test('close ends all connections, and may be called twice', async () => {
    await client.ask('PING');
    await Promise.all([api.close(), api.close()]);
    await client.closed();
    expect(api.sessions()).toEqual([]);
    expect(clock.timerCount).toBe(0);
  });
});
