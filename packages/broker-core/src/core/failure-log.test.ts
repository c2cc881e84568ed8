import { describe, expect, test } from 'vitest';
import { addProxyCommand, CheckedStore, clusterName, proxyAt } from '../../test/store-fixture.ts';
import { REPORTERS_MAX, reportedProxies } from './failure-log.ts';
import { emptyStore } from './model.ts';

function storeOf(proxyCount: number, failureQuorum = 1): CheckedStore {
  const store = new CheckedStore(emptyStore(false), { failureQuorum });
  for (let n = 1; n <= proxyCount; n++) store.must(addProxyCommand(n));
  return store;
}

const listed = (store: CheckedStore): string[] => reportedProxies(store.state, store.context);

describe('failure reports', () => {
  test('are listed sorted once enough reporters agree', () => {
    const store = storeOf(3, 2);
    store.report(3, 'r1');
    store.report(1, 'r1');
    expect(listed(store)).toEqual([]);
    store.report(3, 'r1');
    expect(listed(store)).toEqual([]);
    store.report(3, 'r2');
    store.report(1, 'r3');
    expect(listed(store)).toEqual([proxyAt(1), proxyAt(3)]);
  });

  test.each([
    { age: 59, expected: [proxyAt(1)] },
    { age: 60, expected: [] },
    { age: -59, expected: [proxyAt(1)] },
    { age: -60, expected: [] },
  ])('of age $age s', ({ age, expected }) => {
    const store = storeOf(1);
    store.report(1);
    store.pass(age);
    expect(listed(store)).toEqual(expected);
  });

  test('LIM-10: are renewed by being repeated', () => {
    const store = storeOf(1);
    store.report(1);
    store.pass(40);
    store.report(1);
    store.pass(40);
    expect(listed(store)).toEqual([proxyAt(1)]);
    store.pass(20);
    expect(listed(store)).toEqual([]);
  });

  test('count no more when their reporter takes them back; those of others stay', () => {
    const store = storeOf(2, 2);
    const withdraw = { kind: 'withdraw-report', address: proxyAt(1), reporterId: 'r1' } as const;
    store.must(withdraw);
    store.report(1, 'r1');
    const { globalEpoch } = store.state;
    store.must(withdraw);
    store.report(1, 'r2');
    expect(listed(store)).toEqual([]);
    store.report(1, 'r1');
    expect(listed(store)).toEqual([proxyAt(1)]);
    store.must(withdraw);
    store.must({ ...withdraw, reporterId: 'r2' });
    expect(store.state.failures.size).toBe(0);
    // Each new report raised it, and nothing else did.
    expect(store.state.globalEpoch).toBe(globalEpoch + 2);
    expect(store.code({ ...withdraw, address: proxyAt(3) })).toBe('PROXY_NOT_FOUND');
  });

  test('that are taken back make room for a failover to their proxy', () => {
    const store = storeOf(2);
    store.must({ kind: 'create-cluster', name: clusterName('c'), nodeNumber: 4 });
    store.report(1);
    store.report(2);
    expect(store.code({ kind: 'failover', address: proxyAt(1) })).toBe('NO_AVAILABLE_RESOURCE');
    expect(store.state.failedProxies.size).toBe(0);
    store.must({ kind: 'withdraw-report', address: proxyAt(2), reporterId: 'r1' });
    store.code({ kind: 'failover', address: proxyAt(1) });
    expect([...store.state.failedProxies]).toEqual([proxyAt(1)]);
  });

  test('BUG-6: about unknown addresses are refused and change nothing', () => {
    const store = storeOf(1);
    const { state } = store;
    const report = { kind: 'report-failure', address: proxyAt(2), reporterId: 'r' } as const;
    expect(store.code(report)).toBe('PROXY_NOT_FOUND');
    expect(store.state).toBe(state);
  });

  test('past their time are dropped by any mutation', () => {
    const store = storeOf(2);
    store.report(1);
    store.report(2, 'r2');
    store.pass(60);
    store.must(addProxyCommand(3));
    expect(store.state.failures.size).toBe(0);
  });

  test('past their time are dropped one by one', () => {
    const store = storeOf(1);
    store.report(1, 'r1');
    store.pass(30);
    store.report(1, 'r2');
    store.pass(30);
    store.must({ kind: 'purge-failures' });
    expect([...(store.state.failures.get(proxyAt(1))?.keys() ?? [])]).toEqual(['r2']);
  });

  test('of very many reporters keep the latest', () => {
    const store = storeOf(1);
    for (let i = 0; i <= REPORTERS_MAX; i++) {
      store.pass(i === 1 ? 1 : 0);
      store.report(1, `r${i}`);
    }
    const reports = store.state.failures.get(proxyAt(1));
    expect(reports?.size).toBe(REPORTERS_MAX);
    expect(reports?.has('r0')).toBe(false);
    expect(reports?.has(`r${REPORTERS_MAX}`)).toBe(true);
  });

  test('go away with the proxy', () => {
    const store = storeOf(1);
    store.report(1);
    store.must({ kind: 'remove-proxy', address: proxyAt(1) });
    expect(store.state.failures.size).toBe(0);
    expect(store.code({ kind: 'remove-proxy', address: proxyAt(1) })).toBe('PROXY_NOT_FOUND');
  });

  test('a quorum of zero lists nobody without a report', () => {
    const store = storeOf(2, 0);
    store.report(1);
    expect(listed(store)).toEqual([proxyAt(1)]);
  });
});
