// Reads from copies: a proxy that holds replicas of both servers of another proxy, as after a failover.
import { keySlotOf } from '@undermoon/slots';
import { RawClient, type RedisServer } from '@undermoon/testkit';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { beforeAll, afterAll, describe, expect, test } from 'vitest';
import type { ProxyServer, ProxyServerOptions } from '../src/index.ts';
import { startRealCluster, type RealCluster } from './real-cluster.ts';
import { metaOf, type Pair, readerOf, tell } from './replicated.ts';
import { ask, put, shown, useReplicated } from './use-replicated.ts';

// In the lower and in the upper half of the slots.
const LOW = 'b';
const HIGH = 'a';

const { servers, startProxy, keep } = useReplicated();

/** The first proxy has both masters, the second one both copies. */
async function startPairs(options: ProxyServerOptions = {}): Promise<[Pair, Pair]> {
  const [m1, m2, r1, r2] = servers as [RedisServer, RedisServer, RedisServer, RedisServer];
  const proxy = await startProxy();
  const replicaProxy = await startProxy(options);
  const pairs: [Pair, Pair] = [
    { master: m1, replica: r1, proxy, replicaProxy, slots: [[0, 8191]] },
    { master: m2, replica: r2, proxy, replicaProxy, slots: [[8192, 16_383]] },
  ];
  tell(pairs, 1);
  return pairs;
}

async function connect(target: { readonly address: string }): Promise<RawClient> {
  return keep(await RawClient.connect(target.address));
}

async function reader(proxy: ProxyServer, key = LOW): Promise<RawClient> {
  return keep(await readerOf(proxy, key));
}

describe('the proxy of the copies', () => {
  test('READONLY reads here, by server; writes and other sessions go to the masters', async () => {
    const [low, high] = await startPairs();
    const client = await reader(low.replicaProxy);
    await reader(low.replicaProxy, HIGH);
    await put(low, LOW, 'low');
    await put(high, HIGH, 'high');
    const moved = `MOVED ${keySlotOf(LOW)} ${low.proxy.address}`;
    expect(await ask(client, `GET ${LOW}`)).toBe('low');
    expect(await ask(client, `GET ${HIGH}`)).toBe('high');
    expect(await ask(client, `SET ${LOW} x`)).toBe(moved);
    expect(await ask(client, `GETEX ${LOW}`)).toBe(moved);
    expect(await ask(client, `MGET ${LOW} ${HIGH}`)).toMatch(/^CROSSSLOT/);
    expect(await ask(client, 'DBSIZE')).toBe('2');
    expect(await ask(client, 'READWRITE')).toBe('OK');
    expect(await ask(client, `GET ${LOW}`)).toBe(moved);
    expect(await ask(await connect(low.replicaProxy), `GET ${LOW}`)).toBe(moved);
    await client.command('READONLY');
    expect(await ask(client, `GET ${LOW}`)).toBe('low');
    expect(await ask(client, 'RESET')).toBe('RESET');
    expect(await ask(client, `GET ${LOW}`)).toBe(moved);
  });

  test('pipelined reads and writes are answered in order', async () => {
    const [low, high] = await startPairs();
    const client = await reader(low.replicaProxy);
    await reader(low.replicaProxy, HIGH);
    await put(low, LOW, 'low');
    await put(high, HIGH, 'high');
    const count = 200;
    const lines = Array.from({ length: count }, (_, i) =>
      i % 7 === 3 ? `INCR ${LOW}` : i % 11 === 5 ? 'PING' : `GET ${i % 2 === 0 ? LOW : HIGH}`,
    );
    await client.send(lines.map((line) => `${line}\r\n`).join(''));
    const replies = (await client.replies(count)).map(shown);
    expect(replies).toEqual(
      lines.map((line) => {
        if (line === 'PING') return 'PONG';
        if (line.startsWith('INCR')) return `MOVED ${keySlotOf(LOW)} ${low.proxy.address}`;
        return line.endsWith(LOW) ? 'low' : 'high';
      }),
    );
  });

  test('a copy without its master answers as its configuration says', async () => {
    const [low] = await startPairs();
    const client = await reader(low.replicaProxy);
    await put(low, LOW, 'low');
    const direct = await connect(low.replica);
    await direct.command('CONFIG', 'SET', 'replica-serve-stale-data', 'no');
    await low.master.kill('SIGKILL');
    await expect.poll(() => ask(client, `GET ${LOW}`)).toMatch(/^MASTERDOWN/);
    await direct.command('CONFIG', 'SET', 'replica-serve-stale-data', 'yes');
    expect(await ask(client, `GET ${LOW}`)).toBe('low');
    await low.master.restart();
  });

  test('an empty server on its way to become a copy is not read', async () => {
    const [low] = await startPairs();
    const client = await reader(low.replicaProxy);
    await put(low, LOW, 'low');
    // Its data is only in memory, and nobody can be followed.
    await low.master.kill('SIGKILL');
    await low.replica.restart();
    const moved = `MOVED ${keySlotOf(LOW)} ${low.proxy.address}`;
    await expect.poll(() => ask(client, `GET ${LOW}`)).toBe(moved);
    await low.master.restart();
    await put(low, LOW, 'again');
    await expect.poll(() => ask(client, `GET ${LOW}`)).toBe('again');
  });

  test('a blocked read goes on while the copy becomes the master', async () => {
    const [low, high] = await startPairs();
    const client = await reader(low.replicaProxy);
    const waiting = ask(
      client,
      `XREAD BLOCK 0 STREAMS ${LOW}-s $`.replace(`${LOW}-s`, `{${LOW}}s`),
    );
    await expect
      .poll(async () => ask(await connect(low.replicaProxy), 'INFO clients'))
      .toContain('blocked_clients:1');
    const swapped: Pair = {
      ...low,
      master: low.replica,
      replica: low.master,
      proxy: low.replicaProxy,
      replicaProxy: low.proxy,
    };
    tell([swapped, high], 2);
    const writer = await connect(low.replicaProxy);
    await expect.poll(() => ask(writer, `XADD {${LOW}}s 1-1 f v`)).toBe('1-1');
    expect(await waiting).toBe(`[[{${LOW}}s [[1-1 [f v]]]]]`);
  });

  test('failover while reading: never a wrong answer, and the session writes afterwards', async () => {
    const [low, high] = await startPairs();
    const client = await reader(low.replicaProxy);
    await reader(low.replicaProxy, HIGH);
    await put(low, LOW, 'low');
    await put(high, HIGH, 'high');
    const over = new AbortController();
    const seen = new Set<string>();
    const reading = (async () => {
      while (!over.signal.aborted) {
        seen.add(`low ${await ask(client, `GET ${LOW}`)}`);
        seen.add(`high ${await ask(client, `GET ${HIGH}`)}`);
      }
    })();
    low.proxy.destroy();
    await Promise.all([low.master.kill('SIGKILL'), high.master.kill('SIGKILL')]);
    const pairs = [low, high].map((pair) => ({
      ...pair,
      master: pair.replica,
      replica: pair.master,
      proxy: pair.replicaProxy,
      replicaProxy: pair.proxy,
    }));
    low.replicaProxy.setMetadata(metaOf(low.replicaProxy, pairs, 2));
    await expect.poll(() => ask(client, `APPEND ${LOW} 1`)).toBe('4');
    over.abort();
    await reading;
    expect([...seen].filter((one) => one !== 'low low1').toSorted()).toEqual([
      'high high',
      'low low',
    ]);
    await Promise.all([low.master.restart(), high.master.restart()]);
  });

  test('several loops', async () => {
    const [low] = await startPairs({ threads: 2, spreadClients: 'at-once' });
    await put(low, LOW, 'low');
    for (let i = 0; i < 4; i++) {
      const client = await reader(low.replicaProxy);
      expect(await ask(client, `GET ${LOW}`)).toBe('low');
      expect(await ask(client, `DEL ${LOW}`)).toMatch(/^MOVED/);
    }
  });

  test('ioredis with scaleReads reads copies', async () => {
    const [low, high] = await startPairs();
    await reader(low.replicaProxy);
    await reader(low.replicaProxy, HIGH);
    await put(low, LOW, 'low');
    await put(high, HIGH, 'high');
    const [host = '', port = ''] = low.proxy.address.split(':');
    for (const scaleReads of ['slave', 'all'] as const) {
      const cluster = new Cluster([{ host, port: Number(port) }], { scaleReads });
      const before = await getCalls(low.replica);
      for (let i = 0; i < 20; i++) expect(await cluster.get(LOW)).toBe('low');
      const calls = (await getCalls(low.replica)) - before;
      if (scaleReads === 'slave') expect(calls).toBe(20);
      else expect(calls).toBeGreaterThan(0);
      expect(await cluster.set(HIGH, 'new')).toBe('OK');
      await put(high, HIGH, 'high');
      expect(await cluster.get(HIGH)).toBe('high');
      await cluster.quit();
    }
  });

  test.each([2, 3] as const)('node-redis with useReplicas reads copies, RESP%i', async (RESP) => {
    const [low, high] = await startPairs();
    await reader(low.replicaProxy);
    await reader(low.replicaProxy, HIGH);
    await put(low, LOW, 'low');
    const [host = '', port = ''] = low.proxy.address.split(':');
    const cluster = createCluster({
      rootNodes: [{ socket: { host, port: Number(port) } }],
      useReplicas: true,
      RESP,
    });
    await cluster.connect();
    const before = await getCalls(low.replica);
    for (let i = 0; i < 20; i++) expect(await cluster.get(LOW)).toBe('low');
    expect((await getCalls(low.replica)) - before).toBeGreaterThan(0);
    expect(await cluster.set(HIGH, 'new')).toBe('OK');
    cluster.destroy();
    expect(high.slots.length).toBe(1);
  });
});

async function getCalls(server: RedisServer): Promise<number> {
  const info = await ask(await connect(server), 'INFO commandstats');
  return Number(/cmdstat_get:calls=(\d+)/.exec(info)?.[1] ?? 0);
}

test('CONFIG SET notify-keyspace-events reaches copies', async () => {
  const [{ replicaProxy }] = await startPairs();
  await reader(replicaProxy, LOW);
  const client = await reader(replicaProxy, HIGH);
  const name = 'notify-keyspace-events';
  expect(await client.command('CONFIG', 'SET', name, 'KEA')).toMatchObject({ value: 'OK' });
  const flags: string[] = [];
  for (const { address } of servers) {
    await using direct = await RawClient.connect(address);
    flags.push(JSON.stringify(await direct.command('CONFIG', 'GET', name)));
    await direct.command('CONFIG', 'SET', name, '');
  }
  const isOn = flags.map((text) => text.includes(JSON.stringify(Buffer.from('AKE'))));
  expect(isOn).toEqual([false, false, true, true]);
});

test('a proxy with a master and a copy: commands without keys are for the master', async () => {
  const [m1, m2, r1, r2] = servers as [RedisServer, RedisServer, RedisServer, RedisServer];
  const first = await startProxy();
  const second = await startProxy();
  const low: Pair = {
    master: m1,
    replica: r1,
    proxy: first,
    replicaProxy: second,
    slots: [[0, 8191]],
  };
  const high: Pair = {
    master: m2,
    replica: r2,
    proxy: second,
    replicaProxy: first,
    slots: [[8192, 16_383]],
  };
  tell([low, high], 1);
  const client = await reader(first, HIGH);
  await put(low, LOW, 'low');
  await put(high, HIGH, 'high');
  expect(await ask(client, `GET ${HIGH}`)).toBe('high');
  expect(await ask(client, `GET ${LOW}`)).toBe('low');
  expect(await ask(client, `SET ${LOW} new`)).toBe('OK');
  expect(await ask(client, `SET ${HIGH} new`)).toBe(`MOVED ${keySlotOf(HIGH)} ${second.address}`);
  expect(await ask(client, 'DBSIZE')).toBe('1');
  expect(await ask(client, 'SCAN 0')).toBe(`[0 [${LOW}]]`);
  expect(await ask(client, 'WAIT 1 10000')).toBe('1');
  // Newer metadata with the same slots, of which the other proxy hears nothing: it still counts.
  tell([low, { ...high, proxy: second, replicaProxy: first }], 2);
  expect(await ask(client, `GET ${HIGH}`)).toBe('high');
});

describe('beside a replica of a Redis Cluster', () => {
  let real: RealCluster;
  beforeAll(async () => {
    real = await startRealCluster();
  }, 60_000);
  afterAll(() => real.stop());

  const NO_WRITES = '#!lua flags=no-writes\nreturn redis.call("GET", KEYS[1])';
  const WRITES = '#!lua\nreturn redis.call("SET", KEYS[1], "x")';
  const UNSAID = 'return redis.call("GET", KEYS[1])';
  const SHA = 'ffffffffffffffffffffffffffffffffffffffff';
  const script: readonly (readonly string[])[] = [
    ['GET', 'k'],
    ['READONLY'],
    ['GET', 'k'],
    ['SET', 'k', 'x'],
    ['MGET', 'k', 'l'],
    ['MGET', 'k', '{k}2'],
    ['BITFIELD', 'k', 'GET', 'u8', '0'],
    ['BITFIELD_RO', 'k', 'GET', 'u8', '0'],
    ['SORT', '{k}list'],
    ['SORT_RO', '{k}list'],
    ['PFCOUNT', '{k}hll'],
    ['OBJECT', 'ENCODING', 'k'],
    ['EVAL', UNSAID, '1', 'k'],
    ['EVAL', WRITES, '1', 'k'],
    ['EVAL', NO_WRITES, '1', 'k'],
    ['EVAL_RO', UNSAID, '1', 'k'],
    ['EVALSHA', SHA, '1', 'k'],
    ['EVALSHA_RO', SHA, '1', 'k'],
    ['BLPOP', '{k}none', '0.01'],
    ['XREAD', 'BLOCK', '1', 'STREAMS', '{k}stream', '$'],
    ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', '{k}stream', '>'],
    ['MULTI'],
    ['GET', 'k'],
    ['STRLEN', 'k'],
    ['EXEC'],
    ['MULTI'],
    ['GET', 'k'],
    ['SET', 'k', 'x'],
    ['EXEC'],
    ['WATCH', 'k'],
    ['MULTI'],
    ['GET', 'k'],
    ['EXEC'],
    ['WATCH', 'k'],
    ['UNWATCH'],
    ['MULTI'],
    ['READWRITE'],
    ['GET', 'k'],
    ['EXEC'],
    ['GET', 'k'],
    ['READONLY'],
    ['GET', 'k'],
    ['HELLO', '3'],
    ['HGETALL', '{k}hash'],
    ['HSET', '{k}hash', 'f', 'v'],
    ['READWRITE'],
    ['HGETALL', '{k}hash'],
    ['READONLY'],
    ['RESET'],
    ['GET', 'k'],
  ];

  test('every reply is the same', async () => {
    const [low] = await startPairs();
    const all: Pair = { ...low, slots: [[0, 16_383]] };
    tell([all], 2);
    const ours = await reader(all.replicaProxy, 'k');
    await ask(ours, 'READWRITE');
    const theirs = await connect(real.replica);
    for (const { address } of [all.master, real.master]) {
      const writer = await connect({ address });
      await ask(writer, 'SET k value');
      await ask(writer, 'RPUSH {k}list 2 1');
      await ask(writer, 'PFADD {k}hll a b');
      await ask(writer, 'HSET {k}hash f v');
      await ask(writer, 'XADD {k}stream 1-1 f v');
      expect(await ask(writer, 'WAIT 1 10000')).toBe('1');
    }
    const sides: [string[], string[]] = [[], []];
    for (const words of script) {
      for (const [i, client] of [ours, theirs].entries()) {
        const reply = await client.command(...words);
        const master = i === 0 ? all.proxy : real.master;
        const text = JSON.stringify(reply).replaceAll(master.address, 'MASTER');
        sides[i]?.push(`${words.join(' ')} -> ${words[0] === 'HELLO' ? 'hello' : text}`);
      }
    }
    expect(sides[0]).toEqual(sides[1]);
  });
});
