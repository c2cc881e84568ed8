// Brokers on a real etcd (3.4 or later). `npm test` as root fetches one; where there is none, these tests are
// skipped and say so.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createBrokerClient, type BrokerClient } from '@undermoon/broker-api/client';
import { findEtcd, startEtcd, type EtcdCluster } from '@undermoon/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { createBroker, type Broker, type BrokerOptions } from '../src/index.ts';
import { address, DEMO, EXPANDING_DUMP } from './store-fixture.ts';

const etcds: EtcdCluster[] = [];
const brokers: Broker[] = [];
const clients: BrokerClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await Promise.all(brokers.splice(0).map((broker) => broker.close({ drainTimeoutMs: 0 })));
  for (const etcd of etcds.splice(0)) await etcd[Symbol.asyncDispose]();
});

interface Started {
  readonly broker: Broker;
  readonly client: BrokerClient;
}

async function etcdOf(size = 1): Promise<EtcdCluster> {
  const etcd = await startEtcd(size);
  etcds.push(etcd);
  return etcd;
}

async function start(etcd: EtcdCluster, more: Partial<BrokerOptions> = {}): Promise<Started> {
  const storage = { kind: 'etcd', endpoints: etcd.endpoints, timeoutMs: 500 } as const;
  const broker = createBroker({ address: '127.0.0.1:0', storage, ...more });
  await broker.listen();
  brokers.push(broker);
  const client = createBrokerClient({ brokers: [broker.address], timeoutMs: 20_000 });
  clients.push(client);
  return { broker, client };
}

async function add(client: BrokerClient, n: number): Promise<void> {
  await client.addProxy({
    proxyAddress: `10.0.0.${n}:6001`,
    nodes: [address(`10.0.0.${n}:7001`), address(`10.0.0.${n}:7002`)],
    host: `host-${n}`,
  });
}

describe.skipIf(findEtcd() === null)(
  'brokers on etcd (skipped without an etcd in PATH or UNDERMOON_ETCD)',
  { timeout: 60_000 },
  () => {
    test('are one: any of them takes a change, and all of them answer with it', async () => {
      const etcd = await etcdOf();
      const all = [await start(etcd), await start(etcd), await start(etcd)];
      for (let n = 1; n <= 9; n++) {
        await add(all[n % 3]!.client, n);
        for (const { client } of all) expect(await client.proxyAddresses()).toHaveLength(n);
      }
      await all[1]!.client.createCluster(DEMO, 8);
      const dumps = await Promise.all(all.map(({ client }) => client.metadata()));
      expect(dumps[1]).toEqual(dumps[0]);
      expect(dumps[2]).toEqual(dumps[0]);
      // Refusals come from the leader as well, with their codes.
      await expect(all[2]!.client.createCluster(DEMO, 8)).rejects.toMatchObject({
        code: 'ALREADY_EXISTED',
      });
    });

    test('an orderly stop of the leader hands over at once', async () => {
      const etcd = await etcdOf();
      const first = await start(etcd);
      const second = await start(etcd);
      await add(first.client, 1);
      await first.broker.close();
      const stoppedAt = performance.now();
      await add(second.client, 2);
      expect(performance.now() - stoppedAt).toBeLessThan(1500);
      expect(await second.client.epoch()).toBe(2);
    });

    test('concurrent changes through all of them are each made once', async () => {
      const etcd = await etcdOf();
      const all = [await start(etcd), await start(etcd), await start(etcd)];
      const count = 90;
      await Promise.all(
        Array.from({ length: count }, (_, index) => add(all[index % 3]!.client, index + 1)),
      );
      for (const { client } of all) expect(await client.epoch()).toBe(count);
    });

    test('a state of 2,000 proxies fits, and small changes of it are small', async () => {
      const etcd = await etcdOf();
      const leader = await start(etcd);
      await leader.client.restoreMetadata(largeDump(2000));
      const follower = await start(etcd);
      expect(await follower.client.proxyAddresses()).toHaveLength(2000);
      const up = etcd.members[0]!.relay.receivedBytes.up;
      await add(follower.client, 1);
      expect(await leader.client.proxyAddresses()).toHaveLength(2001);
      expect(etcd.members[0]!.relay.receivedBytes.up - up).toBeLessThan(200_000);
      expect(await follower.client.metadata()).toEqual(await leader.client.metadata());
    });

    test('a change above the limit of a request is refused and changes nothing', async () => {
      const etcd = await etcdOf();
      const storage = { kind: 'etcd', endpoints: etcd.endpoints, requestBytesMax: 16_000 } as const;
      const { client } = await start(etcd, { storage });
      await expect(client.restoreMetadata(largeDump(1000))).rejects.toMatchObject({
        code: 'PERSISTENCE_IO_ERROR',
        message: expect.stringContaining('storage.requestBytesMax (16000)') as string,
      });
      expect(await client.epoch()).toBe(0);
      await client.restoreMetadata(EXPANDING_DUMP);
      expect(await client.epoch()).toBe(7);
    });

    test('goes on through the loss of a member, and of the endpoint in use', async () => {
      const etcd = await etcdOf(3);
      const { client } = await start(etcd);
      const other = await start(etcd);
      await add(client, 1);
      for (const [index, member] of etcd.members.entries()) {
        await member.kill();
        await retried(() => add(client, index + 2));
        expect(await other.client.proxyAddresses()).toHaveLength(index + 2);
        await member.start();
      }
      for (const [index, member] of etcd.members.entries()) {
        member.relay.freeze();
        await retried(() => add(other.client, index + 5));
        expect(await client.proxyAddresses()).toHaveLength(index + 5);
        member.relay.thaw();
      }
      expect(await client.epoch()).toBe(7);
    });

    test('nothing is answered while etcd is away, and all is there when it is back', async () => {
      const etcd = await etcdOf();
      const { client } = await start(etcd);
      await add(client, 1);
      const [member] = etcd.members;
      assert(member !== undefined);
      await member.kill();
      await expect(client.epoch()).rejects.toMatchObject({ code: 'EXTERNAL_TIMEOUT', status: 504 });
      await expect(add(client, 2)).rejects.toThrow();
      await member.start();
      await retried(() => add(client, 2));
      expect(await client.proxyAddresses()).toHaveLength(2);
    });

    test('an etcd that was emptied is not written over and not believed', async () => {
      const etcd = await etcdOf();
      const { client, broker } = await start(etcd);
      await add(client, 1);
      await add(client, 2);
      const [member] = etcd.members;
      assert(member !== undefined);
      await member.kill();
      await member.wipe();
      await member.start();
      await expect(client.epoch()).rejects.toMatchObject({
        code: 'EXTERNAL',
        message: expect.stringContaining('emptied or restored') as string,
      });
      await expect(add(client, 3)).rejects.toThrow();
      await broker.close({ drainTimeoutMs: 0 });
      const fresh = await start(etcd);
      expect(await fresh.client.epoch()).toBe(0);
    });

    test('an etcd with users is asked as one of them', async () => {
      const etcd = await etcdOf();
      const [endpoint = ''] = etcd.endpoints;
      const ask = async (path: string, body: unknown): Promise<void> => {
        const response = await fetch(`${endpoint}/v3/auth/${path}`, {
          method: 'POST',
          body: JSON.stringify(body),
        });
        assert.equal(response.status, 200, await response.text());
      };
      await ask('user/add', { name: 'root', password: 'secret' });
      await ask('user/grant', { user: 'root', role: 'root' });
      await ask('enable', {});
      const storage = { kind: 'etcd', endpoints: etcd.endpoints } as const;
      const of = (password: string): Partial<BrokerOptions> => ({
        storage: { ...storage, credentials: { username: 'root', password } },
        storageStartTimeoutMs: 1,
      });
      const { client } = await start(etcd, of('secret'));
      await add(client, 1);
      // Tokens are gone after a restart; a new one is asked for.
      const [member] = etcd.members;
      assert(member !== undefined);
      await member.kill();
      await member.start();
      await retried(() => add(client, 2));
      expect(await client.proxyAddresses()).toHaveLength(2);
      for (const more of [of('wrong'), { storage, storageStartTimeoutMs: 1 }]) {
        await expect(start(etcd, more)).rejects.toMatchObject({
          code: 'STORE_UNREADABLE',
          message: expect.stringContaining('etcd answered 400') as string,
        });
      }
    });

    test('a change waits for a leader for a limited time, and is passed on once', async () => {
      const etcd = await etcdOf();
      const silent = createServer();
      silent.listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const { port } = silent.address() as AddressInfo;
      try {
        await claimToLead(etcd, 'http://127.0.0.1:1');
        const limits = { forwardTimeoutMs: 300, forwardAnswerTimeoutMs: 300 };
        const first = await start(etcd, limits);
        const second = await start(etcd, limits);
        await expect(add(first.client, 1)).rejects.toMatchObject({ code: 'RETRY', status: 409 });
        await claimToLead(etcd, `http://127.0.0.1:${port}`);
        // As soon as the broker has seen that, the leader that it asks does not answer.
        await expect
          .poll(() => add(first.client, 1).catch((error: unknown) => error))
          .toMatchObject({ code: 'EXTERNAL_TIMEOUT', status: 504 });
        await claimToLead(etcd, `http://${second.broker.address}`);
        await expect
          .poll(() => add(first.client, 1).catch((error: unknown) => error))
          .toMatchObject({ code: 'RETRY', status: 409 });
        expect(await first.client.epoch()).toBe(0);
      } finally {
        silent.close();
        silent.closeAllConnections();
      }
    });

    test('a slow etcd is waited for', async () => {
      const etcd = await etcdOf();
      const { client } = await start(etcd);
      await add(client, 1);
      etcd.members[0]!.relay.delay(100);
      await add(client, 2);
      expect(await client.proxyAddresses()).toHaveLength(2);
    });
  },
);

describe('options of etcd', () => {
  const endpoints = ['http://127.0.0.1:2379'];
  test.each<{ options: BrokerOptions; names: string }>([
    { options: { storage: { kind: 'etcd', endpoints: [] } }, names: 'storage.endpoints' },
    {
      options: { storage: { kind: 'etcd', endpoints: ['http://a:1', 'b:2'] } },
      names: 'storage.endpoints[1]',
    },
    { options: { storage: { kind: 'etcd', endpoints, prefix: 'x' } }, names: 'storage.prefix' },
    {
      options: { storage: { kind: 'etcd', endpoints }, address: '0.0.0.0:7799' },
      names: 'advertiseAddress',
    },
    {
      options: { storage: { kind: 'etcd', endpoints }, replicaAddresses: ['a:1'] },
      names: 'replicaAddresses',
    },
    { options: { readAgeMsMax: -1 }, names: 'readAgeMsMax' },
    { options: { forwardTimeoutMs: 0 }, names: 'forwardTimeoutMs' },
  ])('$names is refused by name', ({ options, names }) => {
    expect(() => createBroker(options)).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        message: expect.stringContaining(`${names}: `) as string,
      }) as Error,
    );
  });

  test('without an etcd, a start fails after its time', async () => {
    const storage = { kind: 'etcd', endpoints: ['http://127.0.0.1:1'], timeoutMs: 50 } as const;
    const broker = createBroker({ address: '127.0.0.1:0', storage, storageStartTimeoutMs: 10 });
    await expect(broker.listen()).rejects.toMatchObject({
      code: 'STORE_UNREADABLE',
      message: expect.stringContaining('no etcd endpoint of http://127.0.0.1:1 answered') as string,
    });
  });
});

/** Writes a leader key that no lease takes away. */
async function claimToLead(etcd: EtcdCluster, url: string): Promise<void> {
  const text = (value: string): string => Buffer.from(value).toString('base64');
  const value = text(JSON.stringify({ id: 'somebody', url }));
  const put = await fetch(`${etcd.endpoints[0]}/v3/kv/put`, {
    method: 'POST',
    body: JSON.stringify({ key: text('/undermoon/leader'), value }),
  });
  assert.equal(put.status, 200);
  await put.text();
}

/** A state of `count` proxies in clusters of 200. */
function largeDump(count: number): unknown {
  const proxies: Record<string, unknown> = {};
  const clusters: Record<string, unknown> = {};
  for (let n = 0; n < count; n++) {
    const host = `10.${n >> 8}.${n & 255}.7`;
    const at = `${host}:6001`;
    const cluster = `cluster-${Math.floor(n / 200)}`;
    const nodes = [`${host}:7001`, `${host}:7002`];
    proxies[at] = { proxy_address: at, node_addresses: nodes, host, index: 0, cluster };
    if (n % 2 === 0) continue;
    const first = `10.${(n - 1) >> 8}.${(n - 1) & 255}.7`;
    const part = Math.floor((n % 200) / 2);
    const low = Math.floor((part * 16384) / 100);
    const high = Math.floor(((part + 1) * 16384) / 100);
    const middle = (low + high) >> 1;
    const slots = (from: number, to: number): unknown => ({
      range_list: [[from, to]],
      tag: 'None',
    });
    const known = (clusters[cluster] ??= {
      epoch: 5,
      name: cluster,
      chunks: [],
      config: (EXPANDING_DUMP['clusters'] as Record<string, { config: unknown }>)['demo']!.config,
    }) as { chunks: unknown[] };
    known.chunks.push({
      role_position: 'Normal',
      stable_slots: [slots(low, middle), slots(middle + 1, high - 1)],
      migrating_slots: [[], []],
      proxy_addresses: [`${first}:6001`, at],
      hosts: [first, host],
      node_addresses: [`${first}:7001`, `${first}:7002`, ...nodes],
    });
  }
  return {
    version: 'mem-broker-0.2',
    global_epoch: 5,
    clusters,
    all_proxies: proxies,
    failed_proxies: [],
    failures: {},
    enable_ordered_proxy: false,
  };
}

async function retried(call: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : '';
      // A change that was made, but not answered, is told so the second time.
      if (code === 'ALREADY_EXISTED') return;
      if (code !== 'RETRY' && code !== 'EXTERNAL_TIMEOUT') throw error;
    }
  }
}
