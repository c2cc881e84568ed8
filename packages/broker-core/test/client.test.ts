import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import assert from 'node:assert/strict';
import { createBrokerClient, type BrokerClient } from '@undermoon/broker-api/client';
import { parseMigrationTaskJson } from '@undermoon/cluster-meta';
import { afterEach, describe, expect, test } from 'vitest';
import { addProxies, startBroker } from './http-fixture.ts';
import { address, clusterName, DEMO, epoch, EXPANDING_DUMP, proxyAt } from './store-fixture.ts';

const clients: BrokerClient[] = [];
const listeners: Server[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const listener of listeners.splice(0)) listener.close();
});

function clientOf(brokers: readonly string[], timeoutMs = 5000): BrokerClient {
  const client = createBrokerClient({ brokers, timeoutMs });
  clients.push(client);
  return client;
}

let silentRequests = 0;

/** An address that accepts connections and never answers. */
async function silentAddress(): Promise<string> {
  silentRequests = 0;
  const listener = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => silentRequests++);
  });
  listeners.push(listener);
  return listenerAddress(listener);
}

/** An address that refuses connections. */
async function deadAddress(): Promise<string> {
  const listener = createServer();
  const at = await listenerAddress(listener);
  listener.close();
  await once(listener, 'close');
  return at;
}

async function listenerAddress(listener: Server): Promise<string> {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const bound = listener.address();
  assert(bound !== null && typeof bound === 'object');
  return `127.0.0.1:${bound.port}`;
}

describe('every call', () => {
  test('against a broker', async () => {
    const { client } = await startBroker();
    expect(await client.version()).toBe('0.6.2');
    expect(await client.health()).toBe(true);
    await addProxies(client, 3);
    expect(await client.proxyAddresses()).toEqual([proxyAt(1), proxyAt(2), proxyAt(3)]);
    await client.createCluster(DEMO, 4);
    expect(await client.clusterNames()).toEqual([DEMO]);
    expect(await client.clusterInfo(DEMO)).toMatchObject({ nodeNumber: 4, isMigrating: false });
    expect(await client.cluster(clusterName('nope'))).toBeNull();
    expect((await client.cluster(DEMO))?.nodes.length).toBe(4);
    expect((await client.proxy(proxyAt(3)))?.clusterName).toBeNull();
    expect(await client.proxy(proxyAt(9))).toBeNull();
    await client.changeClusterConfig(DEMO, [['migration_scan_count', '99']]);
    expect((await client.proxy(proxyAt(1)))?.clusterConfig?.migration.scanCount).toBe(99);
    await client.reportFailure(proxyAt(1), 'coordinator/one two%');
    expect(await client.failures()).toEqual([proxyAt(1)]);
    await client.withdrawReport(proxyAt(1), 'coordinator/one two%');
    expect(await client.failures()).toEqual([]);
    expect((await client.failover(proxyAt(1)))?.address).toBe(proxyAt(3));
    expect(await client.failover(proxyAt(1))).toBeNull();
    expect(await client.failedProxies()).toEqual([proxyAt(1)]);
    await client.balanceCluster(DEMO);
    await client.deleteCluster(DEMO);
    await client.removeProxy(proxyAt(2));
    await client.setEpoch(epoch(70));
    expect(await client.epoch()).toBe(70);
    await client.setConfig({ replicaAddresses: [address('a:1')] });
    expect(await client.config()).toEqual({ replicaAddresses: ['a:1'] });
    await client.restoreMetadata({ ...EXPANDING_DUMP, global_epoch: 71 });
    expect(await client.metadata()).toEqual({ ...EXPANDING_DUMP, global_epoch: 71 });
    const meta = (await client.cluster(DEMO))?.nodes[0]?.slots[1];
    assert(meta !== undefined);
    await client.commitMigration({ clusterName: DEMO, slots: meta });
    await expect(client.commitMigration({ clusterName: DEMO, slots: meta })).rejects.toMatchObject({
      code: 'MIGRATION_TASK_NOT_FOUND',
      status: 404,
    });
  });

  test('keeps the reporter id as it is', async () => {
    const { client, broker } = await startBroker();
    await addProxies(client, 1);
    for (const id of ['a:1', 'ä/ö?#', '100%', 'x y']) await client.reportFailure(proxyAt(1), id);
    expect([...(broker.state().failures.get(proxyAt(1))?.keys() ?? [])]).toEqual([
      'a:1',
      'ä/ö?#',
      '100%',
      'x y',
    ]);
  });

  test('fails with the code, the field and the status of the broker', async () => {
    const { client, broker } = await startBroker();
    const nodes = [address('a:1'), address('a:2')] as const;
    await expect(client.addProxy({ proxyAddress: 'nonsense', nodes })).rejects.toMatchObject({
      name: 'BrokerClientError',
      code: 'INVALID_PROXY_ADDRESS',
      field: 'proxy_address',
      status: 400,
      broker: broker.address,
    });
    await expect(client.changeClusterConfig(DEMO, [])).rejects.toMatchObject({
      code: 'CLUSTER_NOT_FOUND',
      field: null,
    });
    await expect(client.failover(address('[::1]:5'))).rejects.toMatchObject({
      code: 'PROXY_NOT_FOUND',
    });
  });

  test('without compression gets the same', async () => {
    const { broker, client } = await startBroker();
    await client.restoreMetadata(EXPANDING_DUMP);
    const plain = createBrokerClient({ brokers: [broker.address], acceptGzip: false });
    clients.push(plain);
    expect(await plain.cluster(DEMO)).toEqual(await client.cluster(DEMO));
  });

  test('gathers listings of exactly and of more than one page', async () => {
    const { client } = await startBroker();
    await addProxies(client, 100);
    expect((await client.proxyAddresses()).length).toBe(100);
    await client.addProxy({ proxyAddress: 'z:1', nodes: [address('z:2'), address('z:3')] });
    expect((await client.proxyAddresses()).length).toBe(101);
  });
});

describe('several brokers', () => {
  test('the next one is asked when one is down, and stays the one to ask', async () => {
    const dead = await deadAddress();
    const first = await startBroker();
    const second = await startBroker();
    const client = clientOf([dead, first.broker.address, second.broker.address]);
    await addProxies(client, 3);
    expect(first.broker.state().proxies.size).toBe(3);
    expect(second.broker.state().proxies.size).toBe(0);
    await first.broker.close({ drainTimeoutMs: 0 });
    expect(await client.proxyAddresses()).toEqual([]);
    await addProxies(client, 1);
    expect(second.broker.state().proxies.size).toBe(1);
  });

  test('a broker that hangs is left for the next one', async () => {
    const silent = await silentAddress();
    const { broker } = await startBroker();
    const client = clientOf([silent, broker.address], 150);
    for (let i = 0; i < 3; i++) expect(await client.epoch()).toBe(0);
    expect(silentRequests).toBe(1);
  });

  test('a mutation that may have arrived is not sent again', async () => {
    const silent = await silentAddress();
    const { broker } = await startBroker();
    const client = clientOf([silent, broker.address], 150);
    const nodes = [address('a:1'), address('a:2')] as const;
    await expect(client.addProxy({ proxyAddress: 'a:3', nodes })).rejects.toMatchObject({
      code: 'BROKER_TIMEOUT',
    });
    expect(broker.state().proxies.size).toBe(0);
    await client.addProxy({ proxyAddress: 'a:3', nodes });
    expect(broker.state().proxies.size).toBe(1);
  });

  test('none of them there is told, and so is an empty list', async () => {
    const client = clientOf([await deadAddress(), await deadAddress()]);
    await expect(client.epoch()).rejects.toMatchObject({
      code: 'BROKER_UNREACHABLE',
      status: null,
    });
    expect(await client.health()).toBe(false);
    client.setBrokers([]);
    await expect(client.epoch()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
  });

  test('another list takes effect at once', async () => {
    const { broker } = await startBroker();
    const client = clientOf([]);
    client.setBrokers([broker.address]);
    expect(client.brokers).toEqual([broker.address]);
    expect(await client.epoch()).toBe(0);
    expect(() => client.setBrokers(['nonsense'])).toThrow(RangeError);
    expect(await client.epoch()).toBe(0);
  });

  test('a closed client does not ask any more', async () => {
    const { broker } = await startBroker();
    const client = clientOf([broker.address]);
    await client.epoch();
    await client.close();
    await client.close();
    await expect(client.epoch()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
  });
});

test('a task as proxies write it can be committed', async () => {
  const { client } = await startBroker();
  await client.restoreMetadata(EXPANDING_DUMP);
  const json = (await client.cluster(DEMO))?.nodes[2]?.slots[0];
  expect(json?.tag.kind).toBe('none');
  const parsed = parseMigrationTaskJson({
    cluster_name: 'demo',
    slot_range: {
      range_list: [[4096, 8191]],
      tag: {
        Importing: {
          epoch: 7,
          src_proxy_address: 'x:1',
          src_node_address: 'x:2',
          dst_proxy_address: 'x:3',
          dst_node_address: 'x:4',
        },
      },
    },
  });
  assert(parsed.ok);
  await client.commitMigration(parsed.value);
  expect(await client.epoch()).toBe(8);
});
