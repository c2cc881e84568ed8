import { describe, expect, test } from 'vitest';
import {
  addProxyCommand,
  type CheckedStore,
  clusterName,
  DEMO,
  epoch,
  proxyAt,
  storeWithCluster,
} from '../../test/store-fixture.ts';
import type { StoreCommand } from './command.ts';
import { FORCED_EPOCH_MAX } from './epoch.ts';

const report = (n: number, reporterId: string): StoreCommand => ({
  kind: 'report-failure',
  address: proxyAt(n),
  reporterId,
});

interface Row {
  readonly operation: string;
  /** Brings the store into the state that the operation is about. */
  readonly before?: readonly StoreCommand[];
  readonly command: StoreCommand;
  readonly global: number;
  /** How much the cluster's epoch rises, relative to the global epoch before; null: it keeps its own. */
  readonly cluster: number | null;
}

const ROWS: readonly Row[] = [
  { operation: 'a new failure report', command: report(3, 'r1'), global: 1, cluster: null },
  {
    operation: 'a second reporter',
    before: [report(3, 'r1')],
    command: report(3, 'r2'),
    global: 1,
    cluster: null,
  },
  {
    operation: 'a repeated report',
    before: [report(3, 'r1')],
    command: report(3, 'r1'),
    global: 0,
    cluster: null,
  },
  { operation: 'a purge', command: { kind: 'purge-failures' }, global: 0, cluster: null },
  { operation: 'a new proxy', command: addProxyCommand(7), global: 1, cluster: null },
  { operation: 'a known proxy', command: addProxyCommand(3), global: 0, cluster: null },
  {
    operation: 'a known proxy with failure marks',
    before: [report(3, 'r1')],
    command: addProxyCommand(3),
    global: 1,
    cluster: null,
  },
  {
    operation: 'a removed proxy',
    command: { kind: 'remove-proxy', address: proxyAt(3) },
    global: 1,
    cluster: null,
  },
  {
    operation: 'another cluster',
    command: { kind: 'create-cluster', name: clusterName('other'), nodeNumber: 4 },
    global: 1,
    cluster: null,
  },
  {
    operation: 'a failover of a free proxy',
    before: [report(3, 'r1')],
    command: { kind: 'failover', address: proxyAt(3) },
    global: 0,
    cluster: null,
  },
  {
    operation: 'a failover with a replacement',
    command: { kind: 'failover', address: proxyAt(1) },
    global: 2,
    cluster: 2,
  },
  {
    operation: 'a failover without one',
    before: [report(3, 'r1'), report(4, 'r1')],
    command: { kind: 'failover', address: proxyAt(1) },
    global: 1,
    cluster: 1,
  },
  {
    operation: 'a balance that does something',
    before: [{ kind: 'failover', address: proxyAt(1) }],
    command: { kind: 'balance', name: DEMO },
    global: 1,
    cluster: 1,
  },
  {
    operation: 'a balance that does nothing',
    command: { kind: 'balance', name: DEMO },
    global: 0,
    cluster: null,
  },
  {
    operation: 'a changed configuration',
    command: { kind: 'change-config', name: DEMO, changes: [['migration_scan_count', '20']] },
    global: 1,
    cluster: 1,
  },
  {
    operation: 'a configuration set to what it is',
    command: { kind: 'change-config', name: DEMO, changes: [['MIGRATION_SCAN_COUNT', '16']] },
    global: 0,
    cluster: null,
  },
  {
    operation: 'a forced epoch',
    command: { kind: 'set-epoch', epoch: epoch(1000) },
    global: 994,
    cluster: 994,
  },
  {
    operation: 'a recovery below the present epoch',
    command: { kind: 'recover-epoch', proxyEpochMax: epoch(3) },
    global: 1,
    cluster: 1,
  },
  {
    operation: 'a recovery above the present epoch',
    command: { kind: 'recover-epoch', proxyEpochMax: epoch(50) },
    global: 46,
    cluster: 46,
  },
];

// Four proxies (1 to 4), the cluster on proxies 1 and 2 (5), one more report and its clearing (6).
function startingStore(): CheckedStore {
  const store = storeWithCluster(4, 4);
  expect(store.epochs).toEqual([5, 5]);
  store.must({ kind: 'report-failure', address: proxyAt(4), reporterId: 'x' });
  store.pass(60);
  store.must({ kind: 'purge-failures' });
  expect(store.epochs).toEqual([6, 5]);
  return store;
}

describe('epochs of operations', () => {
  test.each(ROWS)('$operation: $global', ({ before = [], command, global, cluster }) => {
    const store = startingStore();
    for (const step of before) store.run(step);
    const [globalBefore, clusterBefore] = store.epochs;
    store.run(command);
    const clusterAfter = cluster === null ? clusterBefore : globalBefore + cluster;
    expect(store.epochs).toEqual([globalBefore + global, clusterAfter]);
  });

  test('deleting a cluster raises the global one above the cluster', () => {
    const store = startingStore();
    store.must({ kind: 'delete-cluster', name: DEMO });
    expect(store.epochs).toEqual([7, null]);
  });
});

describe('forced epochs', () => {
  test.each([6, 5, 0])('%i is not above 6', (value) => {
    const store = startingStore();
    expect(store.code({ kind: 'set-epoch', epoch: epoch(value) })).toBe(
      'EPOCH_SMALLER_THAN_CURRENT',
    );
  });

  test('LIM-16: leave room to rise', () => {
    const store = startingStore();
    expect(store.code({ kind: 'set-epoch', epoch: epoch(FORCED_EPOCH_MAX + 1) })).toBe(
      'INVALID_REQUEST',
    );
    expect(
      store.code({ kind: 'recover-epoch', proxyEpochMax: epoch(Number.MAX_SAFE_INTEGER) }),
    ).toBe('INVALID_REQUEST');
    store.must({ kind: 'set-epoch', epoch: epoch(FORCED_EPOCH_MAX) });
    store.must(addProxyCommand(9));
    expect(store.epochs[0]).toBe(FORCED_EPOCH_MAX + 1);
  });
});
