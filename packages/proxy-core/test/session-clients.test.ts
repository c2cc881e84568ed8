// Transactions and blocking commands as stock clients send them.
import { RawClient } from '@undermoon/testkit';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ALL_SLOTS, type Fixture, startFixture } from './fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture([ALL_SLOTS]);
});
afterAll(() => fixture.stop());

function at(): { host: string; port: number } {
  const [host = '', port = ''] = fixture.proxy.address.split(':');
  return { host, port: Number(port) };
}

async function whenBlocked(): Promise<void> {
  await expect
    .poll(async () => {
      await using client = await RawClient.connect(fixture.proxy.address);
      const info = await client.command('INFO', 'clients');
      return 'value' in info ? String(info.value) : '';
    })
    .toContain('blocked_clients:1');
}

describe('ioredis', () => {
  test('multi, with and without a pipeline; scripts; blocking pops', async () => {
    const cluster = new Cluster([at()]);
    expect(await cluster.multi().set('{i}a', '1').incr('{i}a').get('{i}a').exec()).toEqual([
      [null, 'OK'],
      [null, 2],
      [null, '2'],
    ]);
    await expect(cluster.multi().set('a', '1').set('b', '1').exec()).rejects.toThrow();
    cluster.defineCommand('double', {
      numberOfKeys: 1,
      lua: "return redis.call('INCRBY', KEYS[1], redis.call('GET', KEYS[1]))",
    });
    const double: unknown = Reflect.get(cluster, 'double');
    expect(await (double as (key: string) => Promise<number>).call(cluster, '{i}a')).toBe(4);
    const other = new Cluster([at()]);
    const popped = cluster.blpop('{i}list', 0);
    await whenBlocked();
    await other.rpush('{i}list', 'x');
    expect(await popped).toEqual(['{i}list', 'x']);
    expect(await cluster.blpop('{i}list', 0.01)).toBeNull();
    await Promise.all([cluster.quit(), other.quit()]);
  });
});

describe.each([2, 3] as const)('node-redis in RESP%i', (RESP) => {
  test('multi and blocking pops', async () => {
    const { host, port } = at();
    const cluster = createCluster({ rootNodes: [{ socket: { host, port } }], RESP });
    await cluster.connect();
    const key = `{n}${RESP}`;
    expect(await cluster.multi().set(key, '1').incr(key).get(key).exec()).toEqual(['OK', 2, '2']);
    const other = createCluster({ rootNodes: [{ socket: { host, port } }], RESP });
    await other.connect();
    const popped = cluster.blPop(`${key}list`, 0);
    await whenBlocked();
    await other.rPush(`${key}list`, 'x');
    expect(await popped).toMatchObject({ key: `${key}list`, element: 'x' });
    expect(await cluster.blPop(`${key}list`, 0.01)).toBeNull();
    await Promise.all([cluster.close(), other.close()]);
  });
});
