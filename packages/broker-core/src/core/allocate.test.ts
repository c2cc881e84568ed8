import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addProxyCommand,
  CheckedStore,
  clusterName,
  DEMO,
  proxyAt,
} from '../../test/store-fixture.ts';
import { allocateChunks, chooseReplacement, LinkTable } from './allocate.ts';
import { placementViolations } from './invariants.ts';
import { emptyStore } from './model.ts';

/** Proxies numbered from 1, `counts[i]` of them on host i (named a, b, c, …). */
function storeOf(counts: readonly number[]): CheckedStore {
  const store = new CheckedStore();
  let n = 0;
  for (const [host, count] of counts.entries()) {
    for (let i = 0; i < count; i++)
      store.must(addProxyCommand(++n, String.fromCharCode(97 + host)));
  }
  return store;
}

function hostsOf(store: CheckedStore, chunkCount: number): string[] | string {
  const allocation = allocateChunks(store.state, chunkCount);
  if (!allocation.ok) return allocation.code;
  return allocation.pairs.map(([first, second]) => first.host + second.host);
}

describe('allocateChunks', () => {
  test.each([
    { hosts: [1, 1], chunks: 1, expected: ['ab'] },
    { hosts: [2, 2], chunks: 2, expected: ['ab', 'ab'] },
    { hosts: [2, 2, 2], chunks: 3, expected: ['ab', 'ca', 'bc'] },
    { hosts: [1, 1, 1, 1], chunks: 2, expected: ['ab', 'cd'] },
    { hosts: [3, 1, 1, 1], chunks: 3, expected: ['ab', 'ac', 'ad'] },
    { hosts: [4], chunks: 1, expected: 'NO_AVAILABLE_RESOURCE' },
    { hosts: [5, 1], chunks: 1, expected: ['ab'] },
    { hosts: [5, 1], chunks: 2, expected: 'NO_AVAILABLE_RESOURCE' },
    { hosts: [], chunks: 1, expected: 'NO_AVAILABLE_RESOURCE' },
  ])('$hosts proxies per host, $chunks chunks', ({ hosts, chunks, expected }) => {
    expect(hostsOf(storeOf(hosts), chunks)).toEqual(expected);
  });

  test('takes the lowest addresses of a host first', () => {
    const allocation = allocateChunks(storeOf([2, 2]).state, 1);
    assert(allocation.ok);
    expect(allocation.pairs[0]?.map((proxy) => proxy.proxyAddress)).toEqual([
      proxyAt(1),
      proxyAt(3),
    ]);
  });

  test('prefers hosts that share no chunk yet', () => {
    const store = storeOf([2, 2, 2, 2]);
    store.must({ kind: 'create-cluster', name: clusterName('one'), nodeNumber: 4 });
    expect(hostsOf(store, 1)).toEqual(['cd']);
    store.must({ kind: 'create-cluster', name: clusterName('two'), nodeNumber: 4 });
    expect(hostsOf(store, 2)).toEqual(['ac', 'bd']);
  });

  test('uses no proxy that is failed or reported', () => {
    const store = storeOf([2, 1]);
    store.report(1);
    store.must({ kind: 'failover', address: proxyAt(1) });
    store.report(3);
    expect(hostsOf(store, 1)).toBe('NO_AVAILABLE_RESOURCE');
    store.pass(60);
    store.must({ kind: 'purge-failures' });
    const allocation = allocateChunks(store.state, 1);
    assert(allocation.ok);
    expect(allocation.pairs[0]?.map((proxy) => proxy.proxyAddress)).toEqual([
      proxyAt(2),
      proxyAt(3),
    ]);
  });

  test('finds chunks over different hosts whenever the counts allow it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 7 }), (counts) => {
        const total = counts.reduce((sum, count) => sum + count, 0);
        const largest = Math.max(0, ...counts);
        const possible = Math.min(Math.floor(total / 2), total - largest);
        const store = storeOf(counts);
        if (possible > 0) {
          store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: possible * 4 });
          assert.deepEqual(placementViolations(store.state), []);
        }
        assert.equal(hostsOf(storeOf(counts), possible + 1), 'NO_AVAILABLE_RESOURCE');
      }),
      { numRuns: 60 },
    );
  });

  test('spreads the masters of a cluster over equal hosts', () => {
    const shape = fc.record({
      hosts: fc.integer({ min: 2, max: 8 }),
      perHost: fc.integer({ min: 1, max: 4 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(shape, ({ hosts, perHost, share }) => {
        const store = storeOf(Array.from({ length: hosts }, () => perHost));
        const chunkCount = Math.max(1, Math.floor(((hosts * perHost) / 2) * share));
        store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: chunkCount * 4 });
        const masters = new Map<string, number>();
        for (const chunk of store.state.clusters.get(DEMO)?.chunks ?? []) {
          for (const host of chunk.hosts) masters.set(host, (masters.get(host) ?? 0) + 1);
        }
        const counts = Array.from(
          { length: hosts },
          (_, i) => masters.get(String.fromCharCode(97 + i)) ?? 0,
        );
        assert(
          Math.max(...counts) - Math.min(...counts) <= 1,
          `masters per host: ${counts.join(' ')}`,
        );
      }),
      { numRuns: 80 },
    );
  });
});

describe('allocateOrdered', () => {
  function orderedStore(indexes: readonly number[]): CheckedStore {
    const store = new CheckedStore(emptyStore(true));
    for (const [i, index] of indexes.entries()) store.must(addProxyCommand(i + 1, 'same', index));
    return store;
  }
  const create = { kind: 'create-cluster', name: DEMO, nodeNumber: 4 } as const;

  test('takes the lowest indexes whatever their hosts are', () => {
    const store = orderedStore([2, 1, 0, 3]);
    store.must(create);
    expect(store.chunk().proxyAddresses).toEqual([proxyAt(3), proxyAt(2)]);
  });

  test.each([
    { indexes: [0], code: 'NO_AVAILABLE_RESOURCE' },
    { indexes: [0, 2], code: 'PROXY_RESOURCE_OUT_OF_ORDER' },
    { indexes: [1, 2], code: 'PROXY_RESOURCE_OUT_OF_ORDER' },
    { indexes: [0, 0], code: 'PROXY_RESOURCE_OUT_OF_ORDER' },
  ])('$indexes: $code', ({ indexes, code }) => {
    expect(orderedStore(indexes).code(create)).toBe(code);
  });

  test('a reported proxy breaks the run', () => {
    const store = orderedStore([0, 1, 2]);
    store.report(2);
    expect(store.code(create)).toBe('PROXY_RESOURCE_OUT_OF_ORDER');
  });

  test('holds one cluster, and says so before anything else', () => {
    const store = orderedStore([0, 1]);
    store.must(create);
    expect(store.code(create)).toBe('ONE_CLUSTER_ALREADY_EXISTED');
    expect(store.code({ ...create, nodeNumber: 3 })).toBe('ONE_CLUSTER_ALREADY_EXISTED');
  });

  test('wants an index', () => {
    expect(orderedStore([]).code(addProxyCommand(1))).toBe('MISSING_SERVER_PROXY_INDEX');
  });
});

describe('chooseReplacement', () => {
  test.each([
    { hosts: [1, 1, 1], expected: 'c' },
    { hosts: [1, 3, 1], expected: 'c' },
    { hosts: [1, 3], expected: undefined },
    { hosts: [2, 1], expected: 'a' },
    { hosts: [2, 1, 1], expected: 'c' },
    { hosts: [2, 2, 1, 2], expected: 'd' },
    { hosts: [1, 1], expected: undefined },
  ])('$hosts: a fails, b survives: $expected', ({ hosts, expected }) => {
    const store = storeOf(hosts);
    store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: 4 });
    const chunk = store.chunk();
    // Which of the two hosts is half 0 does not matter here: a is the one that fails.
    expect(chunk.hosts.toSorted()).toEqual(['a', 'b']);
    expect(chooseReplacement(store.state, 'a', 'b')?.host).toBe(expected);
  });

  test('ranks by links with the survivor, not with the failed host', () => {
    const store = storeOf([1, 2, 2, 2]);
    // b shares a chunk with c, and another one with a.
    store.must({ kind: 'create-cluster', name: clusterName('x'), nodeNumber: 4 });
    expect(LinkTable.of(store.state).get('b', 'c')).toBe(1);
    expect(chooseReplacement(store.state, 'a', 'b')?.host).toBe('d');
    expect(chooseReplacement(store.state, 'd', 'b')?.host).toBe('a');
  });
});

test('links of different pairs of labels are kept apart', () => {
  const table = new LinkTable();
  table.add('a', 'bc');
  expect(table.get('ab', 'c')).toBe(0);
  expect(table.get('bc', 'a')).toBe(1);
});
