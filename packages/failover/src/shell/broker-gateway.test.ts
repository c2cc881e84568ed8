import { createBrokerClient } from '@undermoon/broker-api/client';
import { afterEach, describe, expect, test } from 'vitest';
import { ContractBroker } from '../../test/contract-broker.ts';
import { address, clusterName, epoch, migrationTask, stable } from '../../test/fixtures.ts';
import { BrokerGateway } from './broker-gateway.ts';

const A = address('10.0.0.1:6001');
const B = address('10.0.0.2:6001');
const FREE = address('10.0.0.9:6001');
const TASK = migrationTask(
  'demo',
  {
    epoch: epoch(3),
    srcProxyAddress: A,
    srcNodeAddress: address('10.0.0.1:7001'),
    dstProxyAddress: B,
    dstNodeAddress: address('10.0.0.2:7001'),
  },
  [0, 99],
);

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function setUp(
  timeoutMs = 2000,
): Promise<{ readonly http: ContractBroker; readonly broker: BrokerGateway }> {
  const http = await new ContractBroker().listen();
  const client = createBrokerClient({ brokers: [http.address], timeoutMs });
  cleanups.push(
    () => http.close(),
    () => client.close(),
  );
  for (const proxy of [A, B, FREE]) http.model.register(proxy);
  const parts = [[stable(0, 8191)], [stable(8192, 16_383)]] as const;
  http.model.createCluster('demo', [{ proxies: [A, B], position: 'normal', parts }]);
  return { http, broker: new BrokerGateway(client, () => 'tester') };
}

const ASK_ALL = { knownEpoch: null, withFailures: true };

describe('inventory', () => {
  test('the epoch, all pages of the addresses, the failed and the failing proxies', async () => {
    const { http, broker } = await setUp();
    for (let index = 0; index < 230; index++) http.model.register(address(`10.1.${index}.1:1`));
    http.model.failed.add(B);
    http.model.report(A, 'somebody');
    const inventory = await broker.inventory(ASK_ALL);
    expect(inventory).toMatchObject({ epoch: http.model.epoch, failed: [B], failures: [A] });
    expect(inventory.addresses).toHaveLength(233);
    expect(http.requests[0]).toBe('GET /epoch');
  });

  test('is short while the epoch stays, and without failures when they are of no use', async () => {
    const { http, broker } = await setUp();
    const inventory = await broker.inventory({
      knownEpoch: epoch(http.model.epoch),
      withFailures: false,
    });
    expect(inventory).toMatchObject({ addresses: null, failures: null });
    expect(http.requests.toSorted()).toEqual(['GET /epoch', 'GET /proxies/failed/addresses']);
  });

  test.each([
    ['error', 'EXTERNAL'],
    ['not-json', 'BAD_RESPONSE'],
    ['hang', 'BROKER_TIMEOUT'],
    ['cut', 'BROKER_UNREACHABLE'],
  ] as const)('one page that fails (%s) fails the whole', async (fault, code) => {
    const { http, broker } = await setUp(300);
    http.fault = (_, path) => (path === '/proxies/addresses' ? fault : null);
    await expect(broker.inventory(ASK_ALL)).rejects.toMatchObject({ code });
  });
});

describe('documents', () => {
  test('of all clusters, and of free proxies', async () => {
    const { http, broker } = await setUp();
    const listing = await broker.documents();
    expect(listing).toMatchObject({ names: ['demo'], unread: [] });
    expect(listing.clusters).toEqual([http.model.cluster(clusterName('demo'))]);
    const free = await broker.freeDocuments([FREE, A]);
    expect(new Set(free.documents)).toEqual(
      new Set([http.model.document(FREE), http.model.document(A)]),
    );
    expect(free.unread).toEqual([]);
  });

  test.each(['error', 'not-json', 'garbage'] as const)(
    'one that cannot be read (%s) is left out and named',
    async (fault) => {
      const { http, broker } = await setUp();
      http.fault = (_, path) => (path.includes('/meta/') ? fault : null);
      const listing = await broker.documents();
      const isKnownAsAbsent = fault === 'garbage';
      // The garbage body has no cluster in it, which is what "no such cluster" looks like.
      expect(listing.unread).toEqual(isKnownAsAbsent ? [] : ['demo']);
      expect(listing.clusters).toEqual([]);
      expect((await broker.freeDocuments([FREE])).unread).toEqual([FREE]);
    },
  );

  test('a broker that stops to answer fails the whole', async () => {
    const { http, broker } = await setUp(200);
    http.fault = (_, path) => (path.includes('/meta/') ? 'hang' : null);
    await expect(broker.documents()).rejects.toMatchObject({ code: 'BROKER_TIMEOUT' });
    await expect(broker.freeDocuments([FREE])).rejects.toMatchObject({ code: 'BROKER_TIMEOUT' });
  });

  test('an unknown proxy has no document', async () => {
    const { broker } = await setUp();
    const unknown = await broker.freeDocuments([address('10.9.9.9:1')]);
    expect(unknown).toEqual({ documents: [], unread: [] });
  });
});

describe('writes', () => {
  test('a report carries the reporter', async () => {
    const { http, broker } = await setUp();
    await broker.report(A);
    expect([...(http.model.reports.get(A) ?? [])]).toEqual(['tester']);
    expect(await broker.failures()).toEqual([A]);
  });

  test('a report is taken back, or left to run out where that cannot be asked for', async () => {
    const { http, broker } = await setUp();
    await broker.report(A);
    await broker.withdrawReport(A);
    expect(await broker.failures()).toEqual([A]);
    http.offersWithdrawal = true;
    http.fault = () => 'error';
    await expect(broker.withdrawReport(A)).rejects.toMatchObject({ code: 'EXTERNAL' });
    http.fault = () => null;
    await broker.withdrawReport(A);
    expect(await broker.failures()).toEqual([]);
  });

  test("a failover gives the replacement, or fails with the broker's code", async () => {
    const { http, broker } = await setUp();
    expect(await broker.failover(A)).toEqual(http.model.document(FREE));
    await expect(broker.failover(B)).rejects.toMatchObject({ code: 'NO_AVAILABLE_RESOURCE' });
    expect(await broker.failover(A)).toBeNull();
  });

  test('a commit sends the task; one that is committed already is done as well', async () => {
    const { http, broker } = await setUp();
    await broker.commit(TASK);
    expect(http.commits[0]).toMatchObject({
      cluster_name: 'demo',
      slot_range: { range_list: [[0, 99]], tag: { Migrating: { epoch: 3 } } },
    });
    http.commitStatus = 404;
    await broker.commit(TASK);
    http.commitStatus = 409;
    await expect(broker.commit(TASK)).rejects.toMatchObject({ status: 409 });
  });
});
