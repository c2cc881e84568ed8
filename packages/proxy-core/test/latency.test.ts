// What took long in a proxy, as Redis shows it.
import { performance } from 'node:perf_hooks';
import { textOf, type RespValue } from '@undermoon/resp';
import { systemClock } from '@undermoon/runtime/node';
import { RawClient } from '@undermoon/testkit';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { ALL_SLOTS, setCluster, startFixture } from './fixture.ts';
import { startPlainPair } from './plain-fixture.ts';
import { startTwins, transcript } from './reference.ts';

const ALL_TIMED = { slowerThanUs: 1_000_000_000, sampleRate: 1 };
const THRESHOLD_MS = 100;
// Far from what is waited for, on both sides: a busy machine stands still for that long now and then.
const FAR_THRESHOLD_MS = 300;
const SLOW_SCRIPT =
  "local function us() local t = redis.call('TIME') return t[1] * 1000000 + t[2] end " +
  'local start = us() while us() - start < 500000 do end';

/** The entries of LATENCY LATEST by their event. */
async function latestOf(client: RawClient): Promise<ReadonlyMap<string, readonly RespValue[]>> {
  const reply = await client.command('LATENCY', 'LATEST');
  const entries = reply.type === 'array' ? reply.items : [];
  return new Map(
    entries.map((entry) => {
      const items = entry.type === 'array' ? entry.items : [];
      return [String(items[0] === undefined ? '' : textOf(items[0])), items];
    }),
  );
}

/** Lets a server answer nobody for a time: what it is sent until a good part of it is over takes long. */
async function pause(server: RawClient): Promise<void> {
  await server.command('CLIENT', 'PAUSE', '1000', 'ALL');
}

/** Blocks the event loop, and with it the proxy of this process. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test.each(['2', '3'])('replies and faults are those of Redis in RESP%s', async (protocol) => {
  const twins = await startTwins({ slowLog: ALL_TIMED });
  const [proxied, direct] = await twins.connect();
  await Promise.all([proxied.command('HELLO', protocol), direct.command('HELLO', protocol)]);
  const lines = [
    'LATENCY LATEST',
    'LATENCY LATEST x',
    'LATENCY HISTORY command',
    'LATENCY HISTORY',
    'LATENCY GRAPH command',
    'LATENCY RESET',
    'LATENCY RESET command nothing',
    'LATENCY DOCTOR x',
    'LATENCY',
    'LATENCY X',
    'CONFIG GET latency-monitor-threshold',
    'CONFIG SET latency-monitor-threshold -',
    `CONFIG SET latency-monitor-threshold ${FAR_THRESHOLD_MS}`,
    'CONFIG GET latency-monitor-threshold',
  ];
  expect(await transcript(proxied, lines)).toEqual(await transcript(direct, lines));

  await using server = await RawClient.connect(twins.fixture.redis[0]!.address);
  await pause(server);
  await Promise.all([proxied.command('GET', 'a'), direct.command('EVAL', SLOW_SCRIPT, '0')]);
  const [here, there] = [await latestOf(proxied), await latestOf(direct)];
  const kinds = (items: readonly RespValue[] = []): readonly string[] =>
    items.map(({ type }) => type);
  expect(kinds(here.get('command'))).toEqual(kinds(there.get('command')));
  const shapesOf = async (client: RawClient): Promise<readonly string[]> => {
    const texts = await transcript(client, ['LATENCY HISTORY command', 'LATENCY GRAPH command']);
    return texts.map((text) => text.replaceAll(/\d+/g, '#'));
  };
  expect(await shapesOf(proxied)).toEqual(await shapesOf(direct));
  const [ours, theirs] = await Promise.all([
    proxied.command('LATENCY', 'DOCTOR'),
    direct.command('LATENCY', 'DOCTOR'),
  ]);
  expect(ours.type).toBe(theirs.type);
  expect(textOf(ours)).toContain('1. command: 1 latency spikes (average ');
  const resets = ['LATENCY RESET command command nothing', 'LATENCY HISTORY command'];
  expect(await transcript(proxied, resets)).toEqual(await transcript(direct, resets));
  await Promise.all([proxied.close(), direct.close()]);
  await twins.stop();
});

test('nothing is noted while the monitor is off', async () => {
  const fixture = await startFixture([ALL_SLOTS], { slowLog: ALL_TIMED });
  await using client = await fixture.connect();
  await using server = await RawClient.connect(fixture.redis[0]!.address);
  await server.command('CLIENT', 'PAUSE', '50', 'ALL');
  await client.command('GET', 'a');
  expect((await latestOf(client)).size).toBe(0);
  const report = await client.command('LATENCY', 'DOCTOR');
  expect(textOf(report)).toContain('"CONFIG SET latency-monitor-threshold <milliseconds>"');
  await fixture.stop();
});

test.each([1, 2])('CONFIG SET and RESET are for all of %i loops', async (threads) => {
  const fixture = await startFixture([ALL_SLOTS], { threads, slowLog: ALL_TIMED });
  const clients = await Promise.all([1, 2, 3, 4].map(() => fixture.connect()));
  const [asker, ...others] = clients;
  await asker!.command('CONFIG', 'SET', 'latency-monitor-threshold', `${THRESHOLD_MS}`);
  await using server = await RawClient.connect(fixture.redis[0]!.address);
  for (const client of others) {
    await asker!.command('LATENCY', 'RESET');
    await client.command('GET', 'a');
    await pause(server);
    await client.command('GET', 'a');
    const [, , latest, worst] = (await latestOf(asker!)).get('command') ?? [];
    expect(Number(latest?.type === 'integer' ? latest.value : 0)).toBeGreaterThanOrEqual(100);
    expect(worst).toEqual(latest);
  }
  expect(await transcript(asker!, ['LATENCY RESET command', 'LATENCY HISTORY command'])).toEqual([
    'LATENCY RESET command -> :1\r\n',
    'LATENCY HISTORY command -> *0\r\n',
  ]);
  await Promise.all(clients.map((client) => client.close()));
  await fixture.stop();
});

test('a busy event loop, and a server that is slow to greet', async () => {
  const fixture = await startFixture([ALL_SLOTS], { latencyMonitorThresholdMs: THRESHOLD_MS });
  await using client = await fixture.connect();
  block(250);
  await client.command('PING');
  block(250);
  await client.command('PING');
  expect([...(await latestOf(client)).keys()]).toContain('event-loop');
  await using server = await RawClient.connect(fixture.redis[0]!.address);
  await client.command('HELLO', '3');
  await client.command('LATENCY', 'RESET');
  await pause(server);
  await client.command('GET', 'a');
  expect([...(await latestOf(client)).keys()]).toContain('backend-connect');
  await fixture.stop();
});

test('new metadata that takes long to put into effect', async () => {
  let readings = 0;
  // Every reading is later than the one before it by the threshold.
  const clock = { ...systemClock, monotonicMs: () => performance.now() + readings++ };
  const fixture = await startFixture([ALL_SLOTS], { clock, latencyMonitorThresholdMs: 1 });
  await using client = await fixture.connect();
  expect([...(await latestOf(client)).keys()]).toContain('table-swap');
  await client.command('LATENCY', 'RESET');
  await setCluster(fixture.proxy, [[fixture.redis[0]!.address, ALL_SLOTS]], { epoch: 2 });
  expect([...(await latestOf(client)).keys()]).toContain('table-swap');
  await fixture.stop();
});

/** Calls and buckets by command. */
function histogramsOf(reply: RespValue): Map<string, { calls: number; sums: number[] }> {
  if (reply.type !== 'map') throw new Error(JSON.stringify(reply));
  return new Map(
    reply.entries.map(([name, value]) => {
      const [calls, buckets] = value.type === 'map' ? value.entries.map(([, each]) => each) : [];
      const entries = buckets?.type === 'map' ? buckets.entries : [];
      const sums = entries.map(([, sum]) => Number(textOf(sum)));
      return [String(textOf(name)), { calls: Number(calls && textOf(calls)), sums }];
    }),
  );
}

test.each(['2', '3'])('the histogram of one server, byte for byte, in RESP%s', async (protocol) => {
  const fixture = await startFixture([ALL_SLOTS]);
  await using proxied = await fixture.connect();
  await using direct = await RawClient.connect(fixture.redis[0]!.address);
  for (const client of [proxied, direct]) await client.command('HELLO', protocol);
  await transcript(proxied, ['SET a 1', 'GET a', 'GET a', 'MULTI', 'XLEN s', 'EXEC']);
  await transcript(direct, ['CONFIG GET save', 'CONFIG GET save']);
  const lines = [
    'LATENCY HISTOGRAM set get nosuch config',
    'LATENCY HISTOGRAM config|get',
    'LATENCY HISTOGRAM GET get',
    'LATENCY HISTOGRAM nosuch',
  ];
  expect(await transcript(proxied, lines)).toEqual(await transcript(direct, lines));
  const whole = await proxied.command('LATENCY', 'HISTOGRAM');
  expect(whole.type).toBe(protocol === '2' ? 'array' : 'map');
  const queued = await transcript(proxied, ['MULTI', 'LATENCY HISTOGRAM xlen', 'EXEC']);
  expect(queued.at(-1)).toContain('histogram_usec');
  await fixture.stop();
});

test('histograms of several servers are added up, on the plain port of all', async () => {
  const pair = await startPlainPair();
  await using client = await pair.connect();
  await client.command('HELLO', '3');
  // Slots of both servers.
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await client.command('SET', key, '1');
  const here = histogramsOf(await client.command('LATENCY', 'HISTOGRAM', 'set'));
  expect(here.get('set')?.calls).toBe(6);
  expect(here.get('set')?.sums.at(-1)).toBe(6);
  expect(here.get('set')?.sums).toEqual(here.get('set')?.sums.toSorted((a, b) => a - b));
  await using own = await RawClient.connect(pair.proxies[0]!.address);
  await own.command('HELLO', '3');
  const part = histogramsOf(await own.command('LATENCY', 'HISTOGRAM', 'set')).get('set');
  expect(part?.calls).toBeGreaterThan(0);
  expect(part?.calls).toBeLessThan(6);
  const io = new Redis(Number(pair.proxies[0]!.plainAddress!.split(':')[1]));
  expect(JSON.stringify(await io.latency('HISTOGRAM', 'set'))).toMatch(/^\["set",\["calls",6,/);
  await io.quit();
  await pair.stop();
});
