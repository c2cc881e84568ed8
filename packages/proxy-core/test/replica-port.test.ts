// Two proxies with a master and a copy each, as all chunks are without a failover: at their second addresses
// clients find the copies.
import { createHash } from 'node:crypto';
import { parseNodeAddress } from '@undermoon/cluster-meta';
import { keySlotOf } from '@undermoon/slots';
import { RawClient, type RedisServer } from '@undermoon/testkit';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { describe, expect, test } from 'vitest';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../src/index.ts';
import { metaOf, type Pair, readerOf, tell } from './replicated.ts';
import { ask, put, useReplicated } from './use-replicated.ts';

// In the lower and in the upper half of the slots.
const LOW = 'b';
const HIGH = 'a';

const { servers, startProxy, keep } = useReplicated({ replicaAddress: '127.0.0.1:0' });

/** Each proxy has one master, and the copy of the other's. */
async function startPairs(options: ProxyServerOptions = {}): Promise<[Pair, Pair]> {
  const [m1, m2, r1, r2] = servers as [RedisServer, RedisServer, RedisServer, RedisServer];
  const a = await startProxy(options);
  const b = await startProxy(options);
  const pairs: [Pair, Pair] = [
    { master: m1, replica: r1, proxy: a, replicaProxy: b, slots: [[0, 8191]] },
    { master: m2, replica: r2, proxy: b, replicaProxy: a, slots: [[8192, 16_383]] },
  ];
  tell(pairs, 1);
  return pairs;
}

async function connect(address: string): Promise<RawClient> {
  return keep(await RawClient.connect(address));
}

async function reader(proxy: ProxyServer, key: string): Promise<RawClient> {
  return keep(await readerOf(proxy, key, replicaAt(proxy)));
}

function replicaAt({ replicaAddress }: ProxyServer): string {
  if (replicaAddress === null) throw new TypeError('the proxy has no address as a replica');
  return replicaAddress;
}

async function getCalls({ address }: RedisServer): Promise<number> {
  await using direct = await RawClient.connect(address);
  return Number(/cmdstat_get:calls=(\d+)/.exec(await ask(direct, 'INFO commandstats'))?.[1] ?? 0);
}

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');
const portAt = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

/** Lines of CLUSTER NODES, without what is the same in all. */
async function nodesAt(address: string): Promise<string[]> {
  const text = await ask(await connect(address), 'CLUSTER NODES');
  return text.trimEnd().split('\n');
}

describe('the address as a replica', () => {
  test('is a node of its own, the same for all that are asked, and itself for who asks there', async () => {
    const [{ proxy: a, replicaProxy: b }] = await startPairs();
    const line = (address: string, flags: string, master: string, slots: string): string =>
      `${sha1(address)} ${address}@${portAt(address) + 10_000} ${flags} ${master} 0 0 1 connected${slots}`;
    const linesFor = (myself: string): string[] => {
      const flags = (address: string, role: string): string =>
        address === myself ? `myself,${role}` : role;
      return [
        line(a.address, flags(a.address, 'master'), '-', ' 0-8191'),
        line(b.address, flags(b.address, 'master'), '-', ' 8192-16383'),
        line(replicaAt(a), flags(replicaAt(a), 'slave'), sha1(b.address), ''),
        line(replicaAt(b), flags(replicaAt(b), 'slave'), sha1(a.address), ''),
      ].toSorted();
    };
    for (const address of [a.address, replicaAt(a), b.address, replicaAt(b)]) {
      expect((await nodesAt(address)).toSorted()).toEqual(linesFor(address));
      const client = await connect(address);
      expect(await ask(client, 'CLUSTER MYID')).toBe(sha1(address));
      const master = address === replicaAt(a) ? b.address : a.address;
      const shard = [a.address, b.address].includes(address) ? address : master;
      expect(await ask(client, 'CLUSTER MYSHARDID')).toBe(sha1(`shard ${shard}`));
      const replicas = await ask(client, `CLUSTER REPLICAS ${sha1(a.address)}`);
      expect(replicas).toBe(`[${linesFor(address).find((text) => text.includes(replicaAt(b)))}]`);
      expect(await ask(client, 'CLUSTER INFO')).toContain('cluster_known_nodes:4');
    }
  });

  test('is in CLUSTER SLOTS and SHARDS behind its master', async () => {
    const [{ proxy: a, replicaProxy: b }] = await startPairs();
    const client = await connect(a.address);
    const node = (address: string): string => `[127.0.0.1 ${portAt(address)} ${sha1(address)} []]`;
    expect(await ask(client, 'CLUSTER SLOTS')).toBe(
      `[[0 8191 ${node(a.address)} ${node(replicaAt(b))}] [8192 16383 ${node(b.address)} ${node(replicaAt(a))}]]`,
    );
    const shards = await ask(client, 'CLUSTER SHARDS');
    expect(shards.match(/role (?:master|replica)/g)).toEqual(
      ['master', 'replica', 'master', 'replica'].map((role) => `role ${role}`),
    );
  });

  test('serves copies to READONLY clients, and redirects what is not here', async () => {
    const [low, high] = await startPairs();
    const client = await reader(low.replicaProxy, LOW);
    await put(low, LOW, 'low');
    const moved = `MOVED ${keySlotOf(LOW)} ${low.proxy.address}`;
    expect(await ask(client, `GET ${LOW}`)).toBe('low');
    expect(await ask(client, `SET ${LOW} x`)).toBe(moved);
    expect(await ask(client, `SET ${HIGH} x`)).toBe('OK');
    expect(await ask(await connect(replicaAt(high.replicaProxy)), `GET ${HIGH}`)).toBe(
      `MOVED ${keySlotOf(HIGH)} ${high.proxy.address}`,
    );
    expect(await ask(client, 'CLIENT INFO')).toContain(`laddr=${replicaAt(low.replicaProxy)} `);
    expect(await ask(client, 'ROLE')).toContain(`slave 127.0.0.1 ${portAt(low.proxy.address)} `);
    expect(await ask(client, 'INFO replication')).toContain('role:slave');
    const master = await connect(low.proxy.address);
    expect(await ask(master, 'ROLE')).toContain('master');
    const replica = `ip=127.0.0.1,port=${portAt(low.replicaProxy.address)},state=online`;
    await expect
      .poll(() => ask(master, 'INFO replication'))
      .toMatch(new RegExp(`connected_slaves:1\r\nslave0:${replica},offset=\\d+,lag=0\r\n`));
  });

  test('is that of the proxy itself while it is not listed', async () => {
    const [low, high] = await startPairs();
    // All masters are beside the second proxy.
    const flipped = {
      ...low,
      master: low.replica,
      replica: low.master,
      proxy: low.replicaProxy,
      replicaProxy: low.proxy,
    };
    tell([flipped, high], 2);
    const { proxy: a, replicaProxy: b } = low;
    for (const proxy of [a, b]) {
      const client = await connect(replicaAt(proxy));
      expect(await ask(client, 'CLUSTER MYID')).toBe(sha1(proxy.address));
      const lines = await nodesAt(replicaAt(proxy));
      expect(lines.map((text) => / (\S+)@/.exec(text)?.[1] ?? '').toSorted()).toEqual(
        [a.address, b.address].toSorted(),
      );
      expect(lines.find((text) => text.includes('myself'))).toContain(proxy.address);
    }
  });

  test('announced as another one, it is listed as that', async () => {
    const announceReplicaAddress = parseNodeAddress('127.0.0.1:1')!;
    const proxy = await startProxy({ announceReplicaAddress });
    const other = await startProxy();
    const [m1, m2, r1, r2] = servers as [RedisServer, RedisServer, RedisServer, RedisServer];
    const pairs: Pair[] = [
      { master: m1, replica: r1, proxy, replicaProxy: other, slots: [[0, 8191]] },
      { master: m2, replica: r2, proxy: other, replicaProxy: proxy, slots: [[8192, 16_383]] },
    ];
    const meta = metaOf(proxy, pairs, 1);
    const replicas = (meta.replicas ?? []).map((listed) =>
      listed.address === replicaAt(proxy) ? { ...listed, address: announceReplicaAddress } : listed,
    );
    proxy.setMetadata({ ...meta, replicas });
    const client = await connect(replicaAt(proxy));
    expect(await ask(client, 'CLUSTER MYID')).toBe(sha1(announceReplicaAddress));
    expect(await ask(client, 'CONFIG GET announce_replica_address')).toBe(
      `[announce_replica_address ${announceReplicaAddress}]`,
    );
  });

  test('needs a port to be announced', () => {
    expect(() => createProxyServer({ announceReplicaAddress: '127.0.0.1:1' })).toThrow(
      'announceReplicaAddress: there is no replicaAddress to announce',
    );
  });

  test('is served by several loops', async () => {
    const [low] = await startPairs({ threads: 2, spreadClients: 'at-once' });
    await put(low, LOW, 'low');
    for (let i = 0; i < 4; i++) {
      const client = await reader(low.replicaProxy, LOW);
      expect(await ask(client, `GET ${LOW}`)).toBe('low');
      expect(await ask(client, `DEL ${LOW}`)).toMatch(/^MOVED/);
      expect(await ask(client, 'CLUSTER MYID')).toBe(sha1(replicaAt(low.replicaProxy)));
      expect(await ask(client, 'CLIENT INFO')).toContain(`laddr=${replicaAt(low.replicaProxy)} `);
    }
  });
});

describe('clients that read from replicas', () => {
  test('ioredis reads copies of both proxies, and goes on through a failover', async () => {
    const [low, high] = await startPairs();
    await reader(low.replicaProxy, LOW);
    await reader(high.replicaProxy, HIGH);
    await put(low, LOW, 'low');
    await put(high, HIGH, 'high');
    const cluster = new Cluster([{ host: '127.0.0.1', port: portAt(low.proxy.address) }], {
      scaleReads: 'slave',
      slotsRefreshTimeout: 5000,
      clusterRetryStrategy: () => 50,
    });
    const before = await Promise.all(servers.map(getCalls));
    for (let i = 0; i < 20; i++) {
      expect([await cluster.get(LOW), await cluster.get(HIGH)]).toEqual(['low', 'high']);
    }
    const after = await Promise.all(servers.map(getCalls));
    // The masters, then the copies.
    expect(after.map((count, i) => count - before[i]!)).toEqual([0, 0, 20, 20]);
    low.proxy.destroy();
    await Promise.all([low.master.kill('SIGKILL'), high.replica.kill('SIGKILL')]);
    const moved = { ...low, master: low.replica, proxy: low.replicaProxy };
    const alone = [moved, high].map((pair) => ({ ...pair, replicaProxy: low.proxy }));
    low.replicaProxy.setMetadata({ ...metaOf(low.replicaProxy, alone, 2), replicas: [] });
    await expect.poll(() => cluster.set(LOW, 'new')).toBe('OK');
    for (let i = 0; i < 20; i++) {
      expect([await cluster.get(LOW), await cluster.get(HIGH)]).toEqual(['new', 'high']);
    }
    cluster.disconnect();
  });

  test.each([2, 3] as const)('node-redis reads copies of both proxies, RESP%i', async (RESP) => {
    const [low, high] = await startPairs();
    await reader(low.replicaProxy, LOW);
    await reader(high.replicaProxy, HIGH);
    await put(low, LOW, 'low');
    await put(high, HIGH, 'high');
    const cluster = createCluster({
      rootNodes: [{ socket: { host: '127.0.0.1', port: portAt(low.proxy.address) } }],
      useReplicas: true,
      RESP,
    });
    cluster.on('error', () => undefined);
    await cluster.connect();
    expect(cluster.replicas.length).toBe(2);
    const before = await Promise.all(servers.map(getCalls));
    for (let i = 0; i < 20; i++) {
      expect([await cluster.get(LOW), await cluster.get(HIGH)]).toEqual(['low', 'high']);
    }
    const after = await Promise.all(servers.map(getCalls));
    const [m1 = 0, m2 = 0, r1 = 0, r2 = 0] = after.map((count, i) => count - before[i]!);
    expect([m1 + r1, m2 + r2]).toEqual([20, 20]);
    // It takes the nodes of a slot by turns, the master among them.
    expect(Math.min(r1, r2)).toBeGreaterThan(5);
    expect(await cluster.set(LOW, 'new')).toBe('OK');
    await cluster.close();
  });
});
