import { describe, expect, test } from 'vitest';
import {
  addProxyCommand,
  CheckedStore,
  clusterName,
  DEMO,
  proxyAt,
  storeOf,
} from '../../test/store-fixture.ts';
import { LinkTable } from './link-table.ts';
import { chooseReplacement } from './replacement.ts';

function replacementOn(
  store: CheckedStore,
  failedHost: string,
  survivorHost: string,
): string | undefined {
  const broken = { failedHost, survivorHost, survivorZone: null, weight: 100 };
  return chooseReplacement(store.state, broken)?.host;
}

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
    expect(replacementOn(store, 'a', 'b')).toBe(expected);
  });

  test('ranks by links with the survivor, not with the failed host', () => {
    const store = storeOf([1, 2, 2, 2]);
    // b shares a chunk with c, and another one with a.
    store.must({ kind: 'create-cluster', name: clusterName('x'), nodeNumber: 4 });
    expect(LinkTable.of(store.state).get('b', 'c')).toBe(1);
    expect(replacementOn(store, 'a', 'b')).toBe('d');
    expect(replacementOn(store, 'd', 'b')).toBe('a');
  });

  test('is in another zone than the survivor if there is one, and of a like weight', () => {
    const store = new CheckedStore();
    const labels = [
      { zone: 'x' },
      { zone: 'y' },
      { zone: 'y' },
      { zone: 'z', weight: 500 },
      { zone: 'z' },
    ];
    for (const [index, label] of labels.entries()) {
      store.must(addProxyCommand(index + 1, `h${index + 1}`, null, label));
    }
    const wanted = { failedHost: 'h1', survivorHost: 'h2', survivorZone: 'y', weight: 100 };
    expect(chooseReplacement(store.state, wanted)?.proxyAddress).toBe(proxyAt(5));
    store.must({ kind: 'remove-proxy', address: proxyAt(5) });
    expect(chooseReplacement(store.state, wanted)?.proxyAddress).toBe(proxyAt(4));
    store.must({ kind: 'remove-proxy', address: proxyAt(4) });
    expect(chooseReplacement(store.state, wanted)?.proxyAddress).toBe(proxyAt(1));
    store.must({ kind: 'remove-proxy', address: proxyAt(1) });
    // Two copies in one zone are better than one copy.
    expect(chooseReplacement(store.state, wanted)?.proxyAddress).toBe(proxyAt(3));
  });
});

test('links of different pairs of labels are kept apart', () => {
  const table = new LinkTable();
  table.add('a', 'bc');
  expect(table.get('ab', 'c')).toBe(0);
  expect(table.get('bc', 'a')).toBe(1);
});
