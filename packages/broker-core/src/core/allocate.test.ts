import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addProxyCommand,
  CheckedStore,
  clusterName,
  DEMO,
  proxyAt,
  storeOf,
} from '../../test/store-fixture.ts';
import { countSlots } from '@undermoon/slots';
import { allocateChunks, type ProxyPair } from './allocate.ts';
import { LinkTable } from './link-table.ts';
import { placementViolations } from './invariants.ts';
import { emptyStore } from './model.ts';

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

describe('uneven pools', () => {
  const shape = fc.record({
    counts: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 2, maxLength: 10 }),
    zones: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 10, maxLength: 10 }),
    present: fc.integer({ min: 0, max: 3 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  });

  /** `counts[i]` proxies on host i; `zones[i]` is its zone, 0 for none. */
  function zonedStore(counts: readonly number[], zones: readonly number[]): CheckedStore {
    const store = new CheckedStore();
    let n = 0;
    for (const [host, count] of counts.entries()) {
      const zone = zones[host] ?? 0;
      for (let i = 0; i < count; i++) {
        const labels = zone === 0 ? {} : { zone: `z${zone}` };
        store.must(addProxyCommand(++n, `h${host}`, null, labels));
      }
    }
    return store;
  }

  function zoneAt(store: CheckedStore, half: ProxyPair[number]): string {
    return store.state.proxies.get(half.proxyAddress)?.zone ?? `host ${half.host}`;
  }

  /** Chunks that proxies in groups of these sizes give, when no chunk may be within a group. */
  function possibleChunks(groups: readonly number[]): number {
    const total = groups.reduce((sum, count) => sum + count, 0);
    return Math.min(Math.floor(total / 2), total - Math.max(0, ...groups));
  }

  function possibleAt(counts: readonly number[], zones: readonly number[]): number {
    const groups = new Map<string, number>();
    for (const [host, count] of counts.entries()) {
      const zone = zones[host] ?? 0;
      const key = zone === 0 ? `h${host}` : `z${zone}`;
      groups.set(key, (groups.get(key) ?? 0) + count);
    }
    return possibleChunks([...groups.values()]);
  }

  test('give all chunks they can, with halves in different zones and the fewest masters per host', () => {
    fc.assert(
      fc.property(shape, ({ counts, zones, share }) => {
        const store = zonedStore(counts, zones);
        const possible = possibleAt(counts, zones);
        assert(!allocateChunks(store.state, possible + 1).ok);
        const wanted = Math.round(possible * share);
        if (wanted === 0) return;
        const allocation = allocateChunks(store.state, wanted);
        assert(allocation.ok, `${wanted} of ${possible} chunks`);
        const used = new Map<string, number>();
        for (const [first, second] of allocation.pairs) {
          assert(first.host !== second.host);
          assert(zoneAt(store, first) !== zoneAt(store, second));
          for (const { host } of [first, second]) used.set(host, (used.get(host) ?? 0) + 1);
        }
        const most = Math.max(...used.values());
        const fewer = counts.map((count) => Math.min(count, most - 1));
        assert(possibleAt(fewer, zones) < wanted, `${most} masters on one host are too many`);
      }),
      { numRuns: 300 },
    );
  });

  test('count the masters that a growing cluster has already', () => {
    const store = zonedStore([6, 6, 2, 2, 2, 2], [0, 0, 0, 0, 0, 0]);
    store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: 12 });
    store.must({ kind: 'add-nodes', name: DEMO, nodeNumber: 12 });
    const masters = new Map<string, number>();
    for (const chunk of store.state.clusters.get(DEMO)?.chunks ?? []) {
      for (const host of chunk.hosts) masters.set(host, (masters.get(host) ?? 0) + 1);
    }
    expect([...masters.values()]).toEqual([2, 2, 2, 2, 2, 2]);
  });

  test('spread the masters of a failed host: no two hosts share chunks more often than need be', () => {
    // Equal hosts, all proxies used: each host has k chunks, shared with the H - 1 others.
    for (let hosts = 3; hosts <= 12; hosts++) {
      for (let perHost = 1; perHost <= 8; perHost++) {
        const store = zonedStore(
          Array.from({ length: hosts }, () => perHost),
          [],
        );
        const chunks = Math.floor((hosts * perHost) / 2);
        store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: chunks * 4 });
        const links = LinkTable.of(store.state);
        const worst = Math.max(
          ...Array.from({ length: hosts * hosts }, (_, i) =>
            links.get(`h${i % hosts}`, `h${Math.floor(i / hosts)}`),
          ),
        );
        const least = Math.ceil(perHost / (hosts - 1));
        assert(worst <= least + 1, `${hosts} hosts of ${perHost}: ${worst} links, not ${least}`);
      }
    }
  });

  test('LIM-11: pair proxies of like weights, and deal slots by them', () => {
    const store = new CheckedStore();
    for (const [index, weight] of [300, 100, 300, 100].entries()) {
      store.must(addProxyCommand(index + 1, `h${index}`, null, { weight }));
    }
    store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: 8 });
    expect(store.chunk(0).hosts).toEqual(['h0', 'h2']);
    expect(store.chunk(1).hosts).toEqual(['h1', 'h3']);
    const slots = [0, 1].flatMap((chunk) =>
      store.chunk(chunk).stableSlots.map((ranges) => countSlots(ranges ?? [])),
    );
    expect(slots).toEqual([6144, 6144, 2048, 2048]);
    // Another weight, and the cluster can be brought into line.
    store.run(addProxyCommand(2, 'h1', null, { weight: 300 }));
    expect(store.code({ kind: 'rebalance', name: DEMO })).toBe('SLOTS_ALREADY_EVEN');
    store.run(addProxyCommand(4, 'h3', null, { weight: 300 }));
    store.must({ kind: 'rebalance', name: DEMO });
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
