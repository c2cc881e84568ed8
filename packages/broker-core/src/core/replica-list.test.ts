import { describe, expect, test } from 'vitest';
import {
  addProxyCommand,
  CheckedStore,
  DEMO,
  proxyAt,
  withRoles,
} from '../../test/store-fixture.ts';
import type { StoreState } from './model.ts';
import { proxyView } from './query.ts';

function registration(n: number, port: number | null = 6002) {
  const labels = port === null ? {} : { replicaAddress: `10.0.0.${n}:${port}` };
  return addProxyCommand(n, `host-${n}`, null, labels);
}

/** Proxies 1…n with an address as a replica each, and a cluster of the first four nodes or more. */
function listedStore(proxyCount: number, nodeNumber: number): CheckedStore {
  const store = new CheckedStore();
  for (let n = 1; n <= proxyCount; n++) store.must(registration(n));
  store.must({ kind: 'create-cluster', name: DEMO, nodeNumber });
  return store;
}

/** What proxy `n` is told, each as `<master> < <address>`, by host number and port. */
function listOf(state: StoreState, n: number): string[] {
  const short = (address: string): string => address.replace('10.0.0.', '');
  return (proxyView(state, proxyAt(n), 0)?.replicas ?? []).map(
    ({ master, address }) => `${short(master)} < ${short(address)}`,
  );
}

describe('replicas that are listed', () => {
  test('of two halves with a master each are the second addresses', () => {
    const { state } = listedStore(4, 8);
    expect(listOf(state, 1)).toEqual([
      '1:6001 < 2:6002',
      '2:6001 < 1:6002',
      '3:6001 < 4:6002',
      '4:6001 < 3:6002',
    ]);
    expect(listOf(state, 4)).toEqual(listOf(state, 1));
  });

  test.each([
    ['FirstChunkMaster', ['1:6001 < 2:6001']],
    ['SecondChunkMaster', ['2:6001 < 1:6001']],
  ] as const)('of a half without masters is the first address: %s', (position, list) => {
    expect(listOf(withRoles(listedStore(2, 4).state, 0, position), 1)).toEqual(list);
  });

  test('are told to proxies with a second address only', () => {
    const store = new CheckedStore();
    store.must(registration(1));
    store.must(registration(2, null));
    store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: 4 });
    expect(listOf(store.state, 1)).toEqual(['2:6001 < 1:6002']);
    expect(proxyView(store.state, proxyAt(2), 0)?.replicas).toBeNull();
    expect(proxyView(store.state, proxyAt(1), 0)?.replicaAddress).toBe('10.0.0.1:6002');
  });

  test('leave out a failed half until it is replaced or registers again', () => {
    const store = listedStore(2, 4);
    store.report(1);
    expect(store.code({ kind: 'failover', address: proxyAt(1) })).toBe('NO_AVAILABLE_RESOURCE');
    expect(listOf(store.state, 2)).toEqual([]);
    const failed = store.epochs;
    expect(store.code(registration(1))).toBe('ALREADY_EXISTED');
    expect(listOf(store.state, 2)).toEqual(['2:6001 < 1:6001']);
    expect(store.epochs[1]).toBeGreaterThan(failed[1] ?? 0);
    // It holds no master now: nothing but the list changes.
    store.report(1);
    const before = store.epochs;
    store.code({ kind: 'failover', address: proxyAt(1) });
    expect(listOf(store.state, 2)).toEqual([]);
    expect(store.epochs[1]).toBeGreaterThan(before[1] ?? 0);
    store.must(registration(3));
    expect(listOf(store.state, 2)).toEqual(['2:6001 < 3:6001']);
  });

  test('of a replacement are its own', () => {
    const store = listedStore(3, 4);
    store.report(1);
    store.must({ kind: 'failover', address: proxyAt(1) });
    expect(listOf(store.state, 2)).toEqual(['2:6001 < 3:6001']);
    store.must({ kind: 'balance', name: DEMO });
    expect(listOf(store.state, 2)).toEqual(['3:6001 < 2:6002', '2:6001 < 3:6002']);
  });
});

describe('a registration with another second address', () => {
  test('changes it with a new epoch, removes it when it is left out, and stays as it is otherwise', () => {
    const store = listedStore(3, 4);
    const start = store.state;
    expect(store.code(registration(1))).toBe('ALREADY_EXISTED');
    expect(store.state).toBe(start);
    const { events } = store.step(registration(1, 6009));
    expect(events.map(({ kind }) => kind)).toEqual(['replica-address-changed']);
    expect(listOf(store.state, 2)).toEqual(['1:6001 < 2:6002', '2:6001 < 1:6009']);
    const [, changed] = store.epochs;
    expect(changed).toBeGreaterThan(start.clusters.get(DEMO)!.epoch);
    store.run(registration(1, null));
    expect(listOf(store.state, 1)).toEqual([]);
    expect(listOf(store.state, 2)).toEqual(['1:6001 < 2:6002']);
    expect(store.epochs[1]).toBeGreaterThan(changed ?? 0);
    // A free proxy's document has the global epoch.
    const [globalBefore, clusterBefore] = store.epochs;
    store.run(registration(3, 6009));
    expect(store.epochs).toEqual([globalBefore + 1, clusterBefore]);
    expect(proxyView(store.state, proxyAt(3), 0)?.replicaAddress).toBe('10.0.0.3:6009');
  });

  test.each([
    ['its own address', '10.0.0.3:6001'],
    ['one of its Redis servers', '10.0.0.3:7002'],
    ['another proxy', '10.0.0.1:6001'],
    ['a Redis server of another proxy', '10.0.0.1:7001'],
    ['the second address of another proxy', '10.0.0.1:6002'],
  ])('is refused when it is %s', (_, replicaAddress) => {
    const store = listedStore(2, 4);
    const before = store.state;
    expect(store.run(addProxyCommand(3, 'h', null, { replicaAddress }))).toMatchObject({
      code: 'INVALID_PROXY_ADDRESS',
      field: 'replica_address',
    });
    expect(store.state).toBe(before);
  });

  test('keeps others from having it as their address or their Redis server', () => {
    const store = new CheckedStore();
    store.must(addProxyCommand(1, 'h1', null, { replicaAddress: '10.0.0.2:6001' }));
    store.must(addProxyCommand(4, 'h4', null, { replicaAddress: '10.0.0.3:7001' }));
    expect(store.run(addProxyCommand(2))).toMatchObject({ field: 'proxy_address' });
    expect(store.run(addProxyCommand(3))).toMatchObject({ field: 'nodes' });
  });
});
