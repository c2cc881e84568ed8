import assert from 'node:assert/strict';
import type { ResourceCheck } from '@undermoon/broker-api';
import type { NodeAddress } from '@undermoon/cluster-meta';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addProxyCommand,
  CheckedStore,
  clusterName,
  CONTEXT,
  DEMO,
  proxyAt,
  storeWithCluster,
} from '../../test/store-fixture.ts';
import { apply } from './apply.ts';
import { emptyStore, type StoreState } from './model.ts';
import { checkResources } from './resource-check.ts';

const check = (store: CheckedStore): ResourceCheck => checkResources(store.state, store.context);

describe('checkResources', () => {
  test('without spares no host may fail', () => {
    expect(check(storeWithCluster(2, 4))).toEqual({
      hostsCannotFail: ['host-1', 'host-2'],
      clusters: [
        {
          name: DEMO,
          hosts: [
            { host: 'host-1', reason: 'NO_REPLACEMENT' },
            { host: 'host-2', reason: 'NO_REPLACEMENT' },
          ],
        },
      ],
    });
  });

  test('with a spare on a third host every one may', () => {
    expect(check(storeWithCluster(3, 4))).toEqual({ hostsCannotFail: [], clusters: [] });
  });

  test("a spare on the survivor's host does not help", () => {
    const store = storeWithCluster(2, 4);
    store.must(addProxyCommand(3, 'host-1'));
    expect(check(store).hostsCannotFail).toEqual(['host-1', 'host-2']);
    store.must(addProxyCommand(4, 'host-3'));
    expect(check(store).hostsCannotFail).toEqual([]);
    // One that somebody reports cannot be taken.
    store.report(4);
    expect(check(store).hostsCannotFail).toEqual(['host-1', 'host-2']);
  });

  test('a half whose other one is down must not fail, whatever spares there are', () => {
    const store = storeWithCluster(2, 4);
    store.run({ kind: 'failover', address: proxyAt(1) });
    expect(check(store).clusters).toEqual([
      {
        name: DEMO,
        hosts: [
          { host: 'host-1', reason: 'NO_REPLACEMENT' },
          { host: 'host-2', reason: 'LAST_COPY' },
        ],
      },
    ]);
  });

  test('says it for the clusters concerned only', () => {
    const store = new CheckedStore();
    for (let n = 1; n <= 2; n++) store.must(addProxyCommand(n, `a${n}`));
    store.must({ kind: 'create-cluster', name: clusterName('a'), nodeNumber: 4 });
    for (let n = 3; n <= 4; n++) store.must(addProxyCommand(n, `b${n}`));
    store.must({ kind: 'create-cluster', name: clusterName('b'), nodeNumber: 4 });
    // A spare beside a half of `a` helps everybody but that half's chunk.
    store.must(addProxyCommand(5, 'a1'));
    expect(check(store).clusters.map(({ name }) => name)).toEqual(['a']);
  });

  test('in ordered mode nothing is replaced: only the last copy counts', () => {
    const store = new CheckedStore(emptyStore(true));
    for (let n = 1; n <= 2; n++) store.must(addProxyCommand(n, `h${n}`, n - 1));
    store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: 4 });
    expect(check(store).hostsCannotFail).toEqual([]);
    store.report(1);
    expect(check(store).hostsCannotFail).toEqual(['h2']);
  });
});

// Fails over all proxies of a host, in the given order, as coordinators that reported them would.
function failHost(state: StoreState, host: string, order: readonly number[]): boolean {
  const members = [...state.proxies.values()].filter((proxy) => proxy.host === host);
  const reported = members.reduce(
    (next, proxy) =>
      apply(next, { kind: 'report-failure', address: proxy.proxyAddress, reporterId: 'r' }, CONTEXT)
        .state,
    state,
  );
  const inUse = members.filter((proxy) => proxy.cluster !== null);
  const shuffled = inUse.toSorted((left, right) => rank(left.index) - rank(right.index));
  function rank(index: number): number {
    return order[index % order.length] ?? 0;
  }
  let next = reported;
  const addresses: NodeAddress[] = shuffled.map((proxy) => proxy.proxyAddress);
  return addresses.every((address) => {
    const step = apply(next, { kind: 'failover', address }, CONTEXT);
    next = step.state;
    return step.outcome.ok;
  });
}

test('a host that may fail fails well, in whatever order its proxies are failed over', () => {
  const input = fc.record({
    hosts: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 8, maxLength: 24 }),
    sizes: fc.array(fc.constantFrom(4, 8), { minLength: 1, maxLength: 4 }),
    order: fc.array(fc.nat({ max: 100 }), { minLength: 5, maxLength: 5 }),
  });
  let mayFail = 0;
  let mayNot = 0;
  fc.assert(
    fc.property(input, ({ hosts, sizes, order }) => {
      const store = new CheckedStore();
      for (const [n, host] of hosts.entries()) store.must(addProxyCommand(n + 1, `h${host}`, n));
      for (const [index, nodeNumber] of sizes.entries()) {
        store.run({ kind: 'create-cluster', name: clusterName(`c${index}`), nodeNumber });
      }
      const { hostsCannotFail } = check(store);
      for (const host of new Set(hosts.map((number) => `h${number}`))) {
        if (hostsCannotFail.includes(host)) {
          mayNot++;
          continue;
        }
        mayFail++;
        assert(failHost(store.state, host, order), `${host} left a half without a replacement`);
      }
    }),
    { numRuns: 150 },
  );
  expect(mayFail).toBeGreaterThan(50);
  expect(mayNot).toBeGreaterThan(50);
});
