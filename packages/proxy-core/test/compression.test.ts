import { decompress } from '@bokuweb/zstd-wasm';
import { encodeCommand, type RespValue } from '@undermoon/resp';
import { RawClient, startRedis } from '@undermoon/testkit';
import { Cluster, Redis } from 'ioredis';
import { createCluster } from 'redis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createProxyServer } from '../src/index.ts';
import { ALL_SLOTS, type Fixture, setCluster, startFixture } from './fixture.ts';

const MAGIC = '28b52ffd';
/** What undermoon 0.6.2 stores for "value". */
const ORIGINAL_FRAME = Buffer.from('28b52ffd004829000076616c7565', 'hex');
const VALUE_BYTES_MAX = 1_000_000;

let fixture: Fixture;
let client: RawClient;
let direct: RawClient;
let epoch = 1;

beforeAll(async () => {
  fixture = await startFixture([ALL_SLOTS], { outputBytesMax: VALUE_BYTES_MAX });
  client = await fixture.connect();
  direct = await RawClient.connect(fixture.redis[0]!.address);
  await compress('set_get_only');
});

afterEach(async () => {
  await direct.command('FLUSHALL');
});

afterAll(async () => {
  await fixture.stop();
});

async function compress(strategy: string, target: Fixture = fixture): Promise<void> {
  const config = [['compression_strategy', strategy]] as const;
  const local = target.redis.map(({ address }) => [address, ALL_SLOTS] as const);
  await setCluster(target.proxy, local, { epoch: ++epoch, config });
}

function flat(reply: RespValue): unknown {
  if ('items' in reply) return reply.items.map(flat);
  if (!('value' in reply)) return null;
  const { value } = reply;
  return Buffer.isBuffer(value) ? value.toString('latin1') : value;
}

async function stored(key: string): Promise<Buffer> {
  const reply = await direct.command('GET', key);
  return 'value' in reply && Buffer.isBuffer(reply.value) ? reply.value : Buffer.alloc(0);
}

function unpacked(frame: Buffer): string {
  return Buffer.from(decompress(frame)).toString('latin1');
}

const SCRIPT: readonly (readonly string[])[] = [
  ['SET', '{a}1', 'one'],
  ['SET', '{a}2', '', 'PX', '100000'],
  ['SET', '{a}1', 'two', 'XX', 'GET'],
  ['SET', '{a}9', 'two', 'GET', 'NX'],
  ['SET', '{a}1', 'never', 'NX'],
  ['SET', '{a}get', 'get', 'EX', 'GET'],
  ['GET', '{a}1'],
  ['GET', '{a}2'],
  ['GET', 'missing'],
  ['GETSET', '{a}1', 'three'],
  ['GETSET', '{a}5', 'five'],
  ['SETNX', '{a}1', 'no'],
  ['SETNX', '{a}3', 'x'.repeat(5000)],
  ['SETEX', '{a}4', '100', 'four'],
  ['PSETEX', '{a}4', '100000', 'quatre'],
  ['SETEX', '{a}4', 'soon', 'four'],
  ['MSET', '{a}6', 'six', '{a}7', '\u00ff\u0000\r\n'],
  ['MSET', '{a}6'],
  ['MSETNX', '{a}6', 'a', '{a}8', 'b'],
  ['MSETNX', '{a}10', 'a', '{a}11', 'b'],
  ['MGET', '{a}1', '{a}2', '{a}3', '{a}4', '{a}5', '{a}6', '{a}7', 'missing{a}', '{a}10', '{a}11'],
  ['GETEX', '{a}1', 'PERSIST'],
  ['GETDEL', '{a}1'],
  ['GETDEL', '{a}1'],
  ['LPUSH', '{a}list', 'a'],
  ['GET', '{a}list'],
  ['MGET', '{a}list', '{a}6'],
  ['GETSET', '{a}list', 'b'],
  ['EXISTS', '{a}6'],
  ['SET', '{a}6'],
];

test('string commands answer as without compression, while servers hold frames', async () => {
  const reference = await startRedis();
  for (const protocol of ['2', '3']) {
    const plain = await RawClient.connect(reference.address);
    const ours = await fixture.connect();
    for (const one of [plain, ours]) await one.command('HELLO', protocol);
    for (const command of SCRIPT) {
      const words = command.map((word) => Buffer.from(word, 'latin1'));
      expect([command, flat(await ours.command(...words))]).toEqual([
        command,
        flat(await plain.command(...words)),
      ]);
    }
    for (const key of ['{a}2', '{a}3', '{a}4', '{a}5', '{a}6', '{a}7', '{a}10', '{a}11']) {
      expect((await stored(key)).toString('hex', 0, 4)).toBe(MAGIC);
    }
    await direct.command('FLUSHALL');
    await plain.command('FLUSHALL');
  }
  await reference.stop();
});

test('frames are those of undermoon 0.6.2, both ways', async () => {
  await direct.command('SET', 'theirs', ORIGINAL_FRAME);
  expect(flat(await client.command('GET', 'theirs'))).toBe('value');
  await client.command('SET', 'ours', 'abc'.repeat(1000));
  const frame = await stored('ours');
  expect(frame.length).toBeLessThan(200);
  expect(unpacked(frame)).toBe('abc'.repeat(1000));
});

test('a value from before compression is read as it is, a broken frame is an error', async () => {
  await direct.command('SET', '{k}plain', 'plain text');
  await direct.command('SET', '{k}empty', '');
  await direct.command('SET', '{k}broken', ORIGINAL_FRAME.subarray(0, 12));
  expect(flat(await client.command('MGET', '{k}plain', '{k}empty'))).toEqual(['plain text', '']);
  const error = 'ERR the value cannot be decompressed: it is no complete Zstandard frame';
  expect(flat(await client.command('GET', '{k}broken'))).toBe(error);
  expect(flat(await client.command('MGET', '{k}plain', '{k}broken'))).toBe(error);
  expect(flat(await client.command('GET', '{k}plain'))).toBe('plain text');
});

test('a value that is longer than a reply may be is an error', async () => {
  // A frame of blocks that each repeat one byte, without and with the length of what is in it.
  await direct.command('SET', 'unstated', frameOfZeros(VALUE_BYTES_MAX + 1, false));
  await direct.command('SET', 'stated', frameOfZeros(VALUE_BYTES_MAX + 1, true));
  await direct.command('SET', 'huge', Buffer.from('28b52ffde0ffffffffffffff7f', 'hex'));
  const text = `it is longer than ${VALUE_BYTES_MAX} bytes (output_bytes_max)`;
  const error = `ERR the value cannot be decompressed: ${text}`;
  for (const key of ['unstated', 'stated', 'huge']) {
    expect(flat(await client.command('GET', key))).toBe(error);
  }
  for (const isStated of [true, false]) {
    await direct.command('SET', 'large', frameOfZeros(VALUE_BYTES_MAX, isStated));
    expect(flat(await client.command('GET', 'large'))).toHaveLength(VALUE_BYTES_MAX);
  }
  await direct.command('SET', 'raw', Buffer.alloc(VALUE_BYTES_MAX));
  const limit = `ERR the reply is longer than ${VALUE_BYTES_MAX} bytes (output_bytes_max)`;
  expect(flat(await client.command('GET', 'raw'))).toBe(limit);
});

/** RFC 8878: blocks of at most 128 KiB, each of one byte that is repeated. */
function frameOfZeros(length: number, isStated: boolean): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(length);
  const head = isStated ? [0xa0, ...size] : [0x00, 0x58];
  const blocks: number[] = [];
  for (let left = length; left > 0;) {
    const part = Math.min(left, 0x1_0000);
    left -= part;
    const header = (part << 3) | (1 << 1) | (left === 0 ? 1 : 0);
    blocks.push(header & 0xff, (header >> 8) & 0xff, header >> 16, 0);
  }
  return Buffer.from([...Buffer.from(MAGIC, 'hex'), ...head, ...blocks]);
}

test('commands on parts of values are refused with set_get_only, and pass with allow_all', async () => {
  const partial = [
    ['APPEND', 'n', 'x'],
    ['BITCOUNT', 'n'],
    ['BITFIELD', 'n', 'GET', 'u8', '0'],
    ['BITFIELD_RO', 'n', 'GET', 'u8', '0'],
    ['BITOP', 'NOT', 'n', 'n'],
    ['BITPOS', 'n', '1'],
    ['DECR', 'n'],
    ['DECRBY', 'n', '1'],
    ['GETBIT', 'n', '1'],
    ['GETRANGE', 'n', '0', '1'],
    ['INCR', 'n'],
    ['INCRBY', 'n', '1'],
    ['INCRBYFLOAT', 'n', '1'],
    ['LCS', 'n', 'n'],
    ['SETBIT', 'n', '1', '1'],
    ['SETRANGE', 'n', '1', 'x'],
    ['STRLEN', 'n'],
    ['SUBSTR', 'n', '0', '1'],
  ];
  const error = 'ERR unsupported string command when compression is enabled';
  for (const words of partial) {
    expect([words[0], flat(await client.command(...words))]).toEqual([words[0], error]);
  }
  await client.command('MULTI');
  expect(flat(await client.command('INCR', 'n'))).toBe(error);
  expect(flat(await client.command('EXEC'))).toMatch(/^EXECABORT/);
  await compress('allow_all');
  expect(flat(await client.command('INCR', 'n'))).toBe(1);
  expect(flat(await client.command('GET', 'n'))).toBe('1');
  await client.command('SET', 'n', '5');
  expect(flat(await client.command('INCR', 'n'))).toMatch(/not an integer/);
  await compress('set_get_only');
});

test('replies of pipelined commands keep their order', async () => {
  const count = 500;
  const replies = client.replies(count * 4);
  const commands = Array.from({ length: count }, (_, i) => [
    encodeCommand(['SET', `k${i % 7}`, `value ${i}`]),
    encodeCommand(['GET', `k${i % 7}`]),
    encodeCommand(['ECHO', `echo ${i}`]),
    encodeCommand(['LPUSH', 'list', String(i)]),
  ]);
  await client.send(Buffer.concat(commands.flat()));
  const expected = Array.from({ length: count }, (_, i) => [
    'OK',
    `value ${i}`,
    `echo ${i}`,
    i + 1,
  ]);
  expect((await replies).map(flat)).toEqual(expected.flat());
});

test('a transaction stores and reads values, with watched keys too', async () => {
  for (const isWatching of [false, true]) {
    if (isWatching) await client.command('WATCH', '{t}1');
    await client.command('MULTI');
    for (const words of [
      ['SET', '{t}1', 'one'],
      ['ECHO', 'here'],
      ['GET', '{t}1'],
      ['RPUSH', `{t}list${isWatching}`, 'GET'],
      ['MGET', '{t}1', '{t}none'],
      ['SET', '{t}1', 'two', 'GET'],
    ]) {
      expect(flat(await client.command(...words))).toBe('QUEUED');
    }
    const answers = ['OK', 'here', 'one', 1, ['one', null], 'one'];
    expect(flat(await client.command('EXEC'))).toEqual(answers);
    expect(unpacked(await stored('{t}1'))).toBe('two');
  }
  await client.command('WATCH', '{t}1');
  expect(flat(await client.command('GET', '{t}1'))).toBe('two');
  await client.command('UNWATCH');
});

test('a transaction is discarded when compression is switched on or off meanwhile', async () => {
  await client.command('MULTI');
  await client.command('SET', 'k', 'v');
  await compress('disabled');
  expect(flat(await client.command('EXEC'))).toMatch(/^EXECABORT .*compression/);
  await client.command('MULTI');
  await client.command('GET', 'k');
  await compress('set_get_only');
  await client.command('GET', 'k');
  expect(flat(await client.command('EXEC'))).toMatch(/^EXECABORT .*compression/);
  await client.command('MULTI');
  await client.command('RPUSH', 'list', 'v');
  await compress('allow_all');
  expect(flat(await client.command('EXEC'))).toEqual([1]);
  await compress('set_get_only');
});

test('clients that send while the codec is loaded wait for it', async () => {
  const fresh = await startFixture([ALL_SLOTS], { threads: 2 });
  const clients = await Promise.all(Array.from({ length: 4 }, () => fresh.connect()));
  await compress('set_get_only', fresh);
  const replies = await Promise.all(clients.map((one, i) => one.command('SET', `k${i}`, 'value')));
  expect(replies.map(flat)).toEqual(['OK', 'OK', 'OK', 'OK']);
  const server = await RawClient.connect(fresh.redis[0]!.address);
  for (let i = 0; i < 4; i++) {
    const reply = flat(await server.command('GET', `k${i}`));
    expect(Buffer.from(String(reply), 'latin1').toString('hex', 0, 4)).toBe(MAGIC);
    expect(flat(await clients[3 - i]!.command('GET', `k${i}`))).toBe('value');
  }
  await server.close();
  await fresh.stop();
});

test('values that a plain client writes through another proxy are compressed once', async () => {
  const servers = await Promise.all([startRedis(), startRedis()]);
  const proxies = servers.map(() =>
    createProxyServer({ address: '127.0.0.1:0', plainAddress: '127.0.0.1:0' }),
  );
  for (const proxy of proxies) await proxy.listen();
  const halves = ['0-8191', '8192-16383'] as const;
  for (const [i, proxy] of proxies.entries()) {
    await setCluster(proxy, [[servers[i]!.address, halves[i]!]], {
      peers: [[proxies[1 - i]!.address, halves[1 - i]!]],
      config: [['compression_strategy', 'set_get_only']],
    });
  }
  const plain = await RawClient.connect(proxies[0]!.plainAddress ?? '');
  const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
  await plain.command('MSET', ...keys.flatMap((key) => [key, `value of ${key}`]));
  await plain.command('SET', keys[3]!, 'set alone');
  const values = keys.map((key, i) => (i === 3 ? 'set alone' : `value of ${key}`));
  expect(flat(await plain.command('MGET', ...keys, 'missing'))).toEqual([...values, null]);
  for (const [i, key] of keys.entries()) {
    expect(flat(await plain.command('GET', key))).toBe(values[i]);
  }
  for (const server of servers) {
    const raw = new Redis(`redis://${server.address}`);
    for (const key of await raw.keys('*')) {
      expect(unpacked((await raw.getBuffer(key)) ?? Buffer.alloc(0))).toBe(
        values[keys.indexOf(key)],
      );
    }
    raw.disconnect();
  }
  for (const proxy of proxies) proxy.destroy();
  await Promise.all(servers.map((server) => server.stop()));
});

test('ioredis Cluster and node-redis read what the other wrote, bytes included', async () => {
  const [host = '', port = ''] = fixture.proxy.address.split(':');
  const ioredis = new Cluster([{ host, port: Number(port) }]);
  const nodeRedis = createCluster({ rootNodes: [{ url: `redis://${fixture.proxy.address}` }] });
  await nodeRedis.connect();
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await ioredis.set('bytes', bytes);
  await nodeRedis.set('text', 'écrit');
  expect(await ioredis.getBuffer('bytes')).toEqual(bytes);
  expect(await ioredis.get('text')).toBe('écrit');
  expect(await nodeRedis.get('text')).toBe('écrit');
  const pipeline = ioredis.pipeline().set('{p}1', 'a').get('{p}1').mget('{p}1', '{p}2');
  expect(await pipeline.exec()).toEqual([
    [null, 'OK'],
    [null, 'a'],
    [null, ['a', null]],
  ]);
  nodeRedis.destroy();
  ioredis.disconnect();
});
