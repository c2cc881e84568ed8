import assert from 'node:assert/strict';
import type { LogFields } from '@undermoon/runtime';
import { silentLogger } from '@undermoon/runtime';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBroker, type BrokerOptions } from '../src/index.ts';
import { ContractStore } from './contract-store.ts';
import { addProxies, startBroker, type RunningBroker } from './http-fixture.ts';
import { address, DEMO, EXPANDING_DUMP } from './store-fixture.ts';

let store: ContractStore;
beforeEach(async () => {
  store = new ContractStore();
  await store.listen();
});
afterEach(() => store.close());

function options(more: Partial<BrokerOptions> = {}): BrokerOptions {
  const { name, password } = store;
  const storage = { kind: 'http', address: store.address, name, password, timeoutMs: 500 } as const;
  return { address: '127.0.0.1:0', storage, storageStartTimeoutMs: 1, ...more };
}

const start = (more: Partial<BrokerOptions> = {}): Promise<RunningBroker> =>
  startBroker(options(more));

describe('starting', () => {
  test('initialises an empty store and keeps what another broker put there', async () => {
    const first = await start();
    await addProxies(first.client, 2);
    expect(store.version).toBe(103);
    const second = await start();
    expect(await second.client.metadata()).toEqual(await first.client.metadata());
  });

  test('initialises a store that serves a version with nothing', async () => {
    // As the Kubernetes operator does before the first state.
    const { fault } = store;
    let served = 0;
    store.fault = (method) => {
      if (method === 'GET' && served++ > 0) store.fault = fault;
      return null;
    };
    const { client } = await start();
    expect(await client.epoch()).toBe(0);
  });

  test.each([
    { status: 401, says: 'check storage_name and storage_password' },
    { status: 404, says: 'does not know the storage_name' },
    { status: 500, says: 'answered 500' },
  ])('fails with the reason when the store answers $status', async ({ status, says }) => {
    store.fault = () => status;
    await expect(createBroker(options()).listen()).rejects.toMatchObject({
      code: 'STORE_UNREADABLE',
      message: expect.stringContaining(says) as string,
    });
  });

  test('waits for a store that comes later, and is given up by close', async () => {
    store.fault = () => 503;
    const warnings: LogFields[] = [];
    const warn = (fields: LogFields): void => {
      warnings.push(fields);
      store.fault = () => null;
    };
    const logger = { ...silentLogger, warn };
    const { client } = await start({ storageStartTimeoutMs: 20_000, logger });
    expect(await client.epoch()).toBe(0);
    expect(warnings.length).toBe(1);

    store.fault = () => 503;
    const waiting = createBroker(options({ storageStartTimeoutMs: 60_000 }));
    const [listening] = await Promise.allSettled([waiting.listen(), waiting.close()]);
    expect(listening).toMatchObject({ reason: { code: 'STORE_UNREADABLE' } });
  });

  test('refuses a state that is none', async () => {
    store.version = 1;
    store.store = { version: 'mem-broker-0.1' };
    await expect(createBroker(options()).listen()).rejects.toMatchObject({
      code: 'STORE_UNREADABLE',
      message: expect.stringContaining('mem-broker-0.1') as string,
    });
  });
});

describe('several brokers', () => {
  test('LIM-7: read what the other one wrote, at once', async () => {
    const brokers = [await start(), await start(), await start()];
    for (const [index, { client }] of brokers.entries()) {
      const n = index + 1;
      await client.addProxy({
        proxyAddress: `10.0.0.${n}:6001`,
        nodes: [address(`10.0.0.${n}:7001`), address(`10.0.0.${n}:7002`)],
      });
      for (const other of brokers) expect(await other.client.proxyAddresses()).toHaveLength(n);
    }
  });

  test('that write at the same time lose nothing', async () => {
    const brokers = [await start(), await start()];
    const count = 40;
    const adding = Array.from({ length: count }, (_, index) =>
      retried(() =>
        brokers[index % 2]!.client.addProxy({
          proxyAddress: `10.0.1.${index}:6001`,
          nodes: [address(`10.0.1.${index}:7001`), address(`10.0.1.${index}:7002`)],
        }),
      ),
    );
    await Promise.all(adding);
    expect(await brokers[0]!.client.proxyAddresses()).toHaveLength(count);
    // Each was made once.
    expect(await brokers[1]!.client.epoch()).toBe(count);
  });

  test('that push to each other change nothing', async () => {
    const first = await start();
    const old = await first.client.metadata();
    await addProxies(first.client, 2);
    await first.client.restoreMetadata(old);
    expect(await first.client.proxyAddresses()).toHaveLength(2);
    await first.client.restoreMetadata(EXPANDING_DUMP);
    expect(await first.client.clusterNames()).toEqual([DEMO]);
  });
});

describe('faults', () => {
  test('a conflict is carried out again on the new state, and told when it does not end', async () => {
    const { client } = await start();
    let conflicts = 0;
    store.fault = (method) => (method === 'PUT' && conflicts++ < 2 ? 409 : null);
    await addProxies(client, 1);
    expect(conflicts).toBe(3);
    store.fault = (method) => (method === 'PUT' ? 409 : null);
    await expect(addProxies(client, 2)).rejects.toMatchObject({ code: 'ALREADY_EXISTED' });
    await expect(client.createCluster(DEMO, 4)).rejects.toMatchObject({ status: 409 });
    await expect(client.removeProxy(address('10.0.0.1:6001'))).rejects.toMatchObject({
      code: 'RETRY',
      status: 409,
    });
    store.fault = () => null;
    expect(await client.proxyAddresses()).toHaveLength(1);
  });

  test('a write that was made and not answered counts, and is not made twice', async () => {
    const { client } = await start();
    store.silentPut = 'after';
    await addProxies(client, 1);
    expect(await client.epoch()).toBe(1);
  });

  test('a write that was not made is told as unknown, and the state is the old one', async () => {
    const { client } = await start();
    store.silentPut = 'before';
    await expect(addProxies(client, 1)).rejects.toMatchObject({
      code: 'EXTERNAL_TIMEOUT',
      status: 504,
    });
    expect(await client.proxyAddresses()).toEqual([]);
    await addProxies(client, 1);
    expect(await client.epoch()).toBe(1);
  });

  test('nothing old is answered while the store is away', async () => {
    const { client, ask } = await start();
    await addProxies(client, 1);
    store.fault = () => 500;
    expect((await ask('GET', '/api/v3/epoch')).status).toBe(500);
    const ready = await ask('GET', '/readyz');
    expect([ready.status, ready.json]).toMatchObject([503, { error: 'NOT_READY' }]);
    expect((await ask('GET', '/healthz')).status).toBe(200);
    expect((await ask('GET', '/api/v3/config')).status).toBe(200);
    store.fault = () => null;
    expect(await client.epoch()).toBe(1);
    await store.close();
    expect((await ask('GET', '/api/v3/epoch')).json).toMatchObject({ error: 'EXTERNAL' });
  });

  test('a bounded age is answered without asking', async () => {
    const { client } = await start({ readAgeMsMax: 60_000 });
    await addProxies(client, 1);
    const before = store.calls.length;
    for (let n = 0; n < 20; n++) assert.equal(await client.epoch(), 1);
    expect(store.calls.length).toBe(before);
  });

  test('a store without a version is told', async () => {
    const { ask } = await start();
    store.version = null;
    store.store = EXPANDING_DUMP;
    const answer = await ask('DELETE', '/api/v3/clusters/meta/demo');
    expect(answer.status).toBe(500);
    expect(answer.json).toMatchObject({ error: 'EMPTY_EXTERNAL_VERSION' });
  });
});

async function retried(call: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'RETRY')) throw error;
    }
  }
}
