// The keys of slots, beside a node of a Redis Cluster with the same keys.
import { keySlotOf } from '@undermoon/slots';
import type { RespValue } from '@undermoon/resp';
import { RawClient, type RedisServer, startRedis, startScriptedPeer } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createProxyServer } from '../src/index.ts';
import { type Fixture, setCluster, startFixture } from './fixture.ts';

const SLOT = keySlotOf('{tag}');
const EMPTY_SLOT = 8000;
/** Served elsewhere. */
const FOREIGN_SLOT = 16_383;

let real: RedisServer;
let theirs: RawClient;
let fixture: Fixture;
let ours: RawClient;

beforeAll(async () => {
  real = await startRedis({ args: ['--cluster-enabled', 'yes'] });
  theirs = await RawClient.connect(real.address);
  await theirs.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16000');
  fixture = await startFixture(['0-7999', '8000-16000'], {}, [['10.0.0.1:1', '16001-16383']]);
  ours = await fixture.connect();
  await theirs.command('CONFIG', 'SET', 'cluster-require-full-coverage', 'no');
  const isUp = async () => shown(await theirs.command('CLUSTER', 'INFO')).includes('state:ok');
  await vi.waitUntil(isUp, { timeout: 55_000 });
  for (const client of [ours, theirs]) {
    for (let i = 0; i < 40; i++) await client.command('SET', `{tag}${i}\u0000\xff`, 'x');
    for (let i = 0; i < 3000; i++) await client.command('SET', `other:${i}`, 'x');
  }
});

afterAll(async () => {
  await theirs.close();
  await fixture.stop();
  await real.stop();
});

function shown(reply: RespValue): string {
  if (reply.type === 'array') return `[${reply.items.map(shown).join(' ')}]`;
  if (reply.type === 'map') return `{${reply.entries.flat().map(shown).join(' ')}}`;
  return 'value' in reply ? `${reply.type} ${String(reply.value)}` : reply.type;
}

function sortedItems(reply: RespValue): string[] {
  return reply.type === 'array' ? reply.items.map(shown).toSorted() : [shown(reply)];
}

test.each([
  `COUNTKEYSINSLOT ${SLOT}`,
  `countKeysInSlot ${SLOT}`,
  `COUNTKEYSINSLOT ${EMPTY_SLOT}`,
  `COUNTKEYSINSLOT ${FOREIGN_SLOT}`,
  'COUNTKEYSINSLOT -1',
  'COUNTKEYSINSLOT 16384',
  'COUNTKEYSINSLOT x',
  'COUNTKEYSINSLOT 1.5',
  'COUNTKEYSINSLOT 99999999999999999999',
  'COUNTKEYSINSLOT',
  'COUNTKEYSINSLOT 1 2',
  `GETKEYSINSLOT ${SLOT} 100`,
  `GETKEYSINSLOT ${SLOT} 0`,
  `GETKEYSINSLOT ${EMPTY_SLOT} 10`,
  `GETKEYSINSLOT ${FOREIGN_SLOT} 10`,
  'GETKEYSINSLOT -1 1',
  `GETKEYSINSLOT ${SLOT} -1`,
  `GETKEYSINSLOT ${SLOT} x`,
  'GETKEYSINSLOT x x',
  `GETKEYSINSLOT ${SLOT}`,
  'GETKEYSINSLOT',
  'COUNT-FAILURE-REPORTS nosuch',
  'COUNT-FAILURE-REPORTS',
])('CLUSTER %s', async (line) => {
  const words = ['CLUSTER', ...line.split(' ')];
  const reply = await ours.command(...words);
  expect(sortedItems(reply)).toEqual(sortedItems(await theirs.command(...words)));
});

test('GETKEYSINSLOT returns no more keys than asked for', async () => {
  const reply = await ours.command('CLUSTER', 'GETKEYSINSLOT', `${SLOT}`, '7');
  const all = sortedItems(await theirs.command('CLUSTER', 'GETKEYSINSLOT', `${SLOT}`, '100'));
  const keys = sortedItems(reply);
  expect(keys.length).toBe(7);
  expect(keys.every((key) => all.includes(key))).toBe(true);
});

test('nodes have no failure reports', async () => {
  for (const client of [ours, theirs]) {
    const id = shown(await client.command('CLUSTER', 'MYID')).slice('bulk '.length);
    expect(shown(await client.command('CLUSTER', 'COUNT-FAILURE-REPORTS', id))).toBe('integer 0');
  }
});

describe.each([2, 3])('SLOT-STATS in RESP%i', (protocol) => {
  let client: RawClient;
  beforeAll(async () => {
    client = await fixture.connect();
    await client.command('HELLO', `${protocol}`);
  });
  afterAll(() => client.close());
  const stats = async (line: string): Promise<string> =>
    shown(await client.command('CLUSTER', 'SLOT-STATS', ...line.split(' ')));
  const entry = (slot: number, count: number): string => {
    const fields = `bulk key-count integer ${count}`;
    return `[integer ${slot} ${protocol === 2 ? `[${fields}]` : `{${fields}}`}]`;
  };

  test('counts as COUNTKEYSINSLOT does, by one scan', async () => {
    const counts: string[] = [];
    for (let slot = SLOT - 2; slot <= SLOT + 2; slot++) {
      const count = await theirs.command('CLUSTER', 'COUNTKEYSINSLOT', `${slot}`);
      counts.push(entry(slot, Number(shown(count).slice('integer '.length))));
    }
    expect(await stats(`SLOTSRANGE ${SLOT - 2} ${SLOT + 2}`)).toBe(`[${counts.join(' ')}]`);
    expect(await stats('SLOTSRANGE 16001 16383')).toBe('[]');
    expect((await stats('SLOTSRANGE 15999 16383')).match(/key-count/g)).toHaveLength(2);
  });

  test('in order', async () => {
    expect(await stats('ORDERBY key-count LIMIT 1')).toBe(`[${entry(SLOT, 40)}]`);
    expect(await stats('ORDERBY KEY-COUNT desc limit 1')).toBe(`[${entry(SLOT, 40)}]`);
    const least = await stats('ORDERBY key-count LIMIT 3 ASC');
    expect(least.match(/key-count integer 0/g)).toHaveLength(3);
    expect((await stats('ORDERBY key-count')).match(/key-count/g)).toHaveLength(16_001);
  });

  test.each([
    ['SLOTSRANGE 5 4', 'ERR Start slot number 5 is greater than end slot number 4'],
    ['SLOTSRANGE 5 16384', 'ERR Invalid or out of range slot'],
    ['SLOTSRANGE x 1', 'ERR Invalid or out of range slot'],
    ['ORDERBY cpu-usec', 'ERR Unrecognized sort metric for ORDERBY.'],
    ['ORDERBY key-count LIMIT', 'ERR syntax error'],
    ['ORDERBY key-count LIMIT 0', /^error ERR Limit has to lie in between 1 and 16384/],
    ['ORDERBY key-count LIMIT x', /^error ERR Limit has to lie in between 1 and 16384/],
    ['ORDERBY key-count ASC DESC', 'ERR Multiple filters of the same type are disallowed.'],
    ['ORDERBY key-count LIMIT 1 LIMIT 2', 'ERR Multiple filters of the same type are disallowed.'],
    ['SLOTSRANGE 1 2 3', /Try CLUSTER HELP\.$/],
    ['NOSUCH 1', /^error ERR unknown subcommand or wrong number of arguments for 'SLOT-STATS'/],
  ])('%s', async (line, text) => {
    const reply = await stats(line);
    if (typeof text === 'string') expect(reply).toBe(`error ${text}`);
    else expect(reply).toMatch(text);
  });
});

test('commands behind it wait, those of other clients do not; in a transaction it runs at EXEC', async () => {
  const words = ['CLUSTER', 'COUNTKEYSINSLOT', `${SLOT}`] as const;
  await ours.send(
    `${words.join(' ')}\r\nPING\r\nMULTI\r\n${words.join(' ')}\r\nDBSIZE\r\nEXEC\r\n`,
  );
  const other = await fixture.connect();
  expect(shown(await other.command('PING'))).toBe('simple PONG');
  expect((await ours.replies(2)).map(shown)).toEqual(['integer 40', 'simple PONG']);
  const [, , refused, exec] = (await ours.replies(4)).map(shown);
  expect(refused).toMatch(/DBSIZE in MULTI/i);
  expect(exec).toMatch(/EXECABORT/);
  await ours.send(`MULTI\r\n${words.join(' ')}\r\nPING\r\nEXEC\r\n`);
  expect((await ours.replies(4)).map(shown).at(-1)).toBe('[integer 40 simple PONG]');
  await other.close();
});

test('limits: time, memory, searches at once', async () => {
  const cases = [
    [{ slotScanTimeoutMs: 0 }, /^error ERR the keys .* within 0 ms \(slot_scan_timeout_ms\)/],
    [{ slotScanBytesMax: 100 }, /^error ERR the keys of these slots take more than 100 bytes/],
    [{ slotScansMax: 0 }, /^error ERR too many scans .* at most 0 \(slot_scans_max\)/],
    [{ dedicatedConnectionsMax: 1 }, /^integer/],
  ] as const;
  for (const [options, text] of cases) {
    const limited = await startFixture(['0-16383'], options);
    await using client = await limited.connect();
    for (let i = 0; i < 2000; i++) await client.command('SET', `{tag}${i}`, 'x');
    expect(shown(await client.command('CLUSTER', 'COUNTKEYSINSLOT', `${SLOT}`))).toMatch(text);
    await limited.stop();
  }
});

test.each([
  ['-NOPERM no\r\n', 'error NOPERM no'],
  ['+OK\r\n', 'error ERR the server answered SCAN with something else'],
  ['*2\r\n$1\r\n0\r\n*1\r\n$-1\r\n', 'error ERR the server answered SCAN with something else'],
])('a server that answers SCAN with %j', async (answer, text) => {
  const isScan = (request: readonly Buffer[]): boolean => String(request[0]) === 'SCAN';
  await using peer = await startScriptedPeer({
    connections: [[], []],
    always: (request) => (isScan(request) ? answer : ':1\r\n'),
  });
  const proxy = createProxyServer({ address: '127.0.0.1:0' });
  await proxy.listen();
  await setCluster(proxy, [[peer.address, '0-16383']], { roles: false });
  await using client = await RawClient.connect(proxy.address);
  expect(shown(await client.command('CLUSTER', 'COUNTKEYSINSLOT', '1'))).toBe(text);
  proxy.destroy();
});
