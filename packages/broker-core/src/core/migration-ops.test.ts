import assert from 'node:assert/strict';
import { parseMigrationTaskJson, type MigrationTask } from '@undermoon/cluster-meta';
import { describe, expect, test } from 'vitest';
import { address, CheckedStore, DEMO, EXPANDING_DUMP } from '../../test/store-fixture.ts';
import { parseDump } from './restore.ts';

function expandingStore(): CheckedStore {
  const parsed = parseDump(EXPANDING_DUMP);
  assert(parsed.ok);
  return new CheckedStore(parsed.value);
}

function task(
  change: { ranges?: unknown; epoch?: number; tag?: string; cluster?: string } = {},
): MigrationTask {
  const { ranges = [[4096, 8191]], epoch = 7, tag = 'Migrating', cluster = 'demo' } = change;
  const parsed = parseMigrationTaskJson({
    cluster_name: cluster,
    slot_range: {
      range_list: ranges,
      tag: {
        [tag]: {
          epoch,
          src_proxy_address: '10.0.1.1:6001',
          src_node_address: '10.0.1.1:7001',
          dst_proxy_address: '10.0.1.3:6001',
          dst_node_address: '10.0.1.3:7001',
        },
      },
    },
  });
  assert(parsed.ok, JSON.stringify(parsed));
  return parsed.value;
}

describe('commitMigration', () => {
  test.each(['Migrating', 'Importing'])('as reported by the %s side', (tag) => {
    const store = expandingStore();
    store.must({ kind: 'commit-migration', task: task({ tag }) });
    expect(store.epochs).toEqual([8, 8]);
    expect(store.chunk(0).migratingSlots.map((entries) => entries.length)).toEqual([0, 1]);
    expect(store.chunk(1).migratingSlots.map((entries) => entries.length)).toEqual([0, 1]);
    expect(store.chunk(0).stableSlots[0]).toEqual([[0, 4095]]);
    expect(store.chunk(1).stableSlots).toEqual([[[4096, 8191]], null]);
    expect(store.code({ kind: 'commit-migration', task: task({ tag }) })).toBe(
      'MIGRATION_TASK_NOT_FOUND',
    );
  });

  test('of all migrations ends the expansion', () => {
    const store = expandingStore();
    store.must({ kind: 'commit-migration', task: task({ ranges: [[12288, 16383]] }) });
    store.must({ kind: 'commit-migration', task: task() });
    expect(store.chunk(1).stableSlots).toEqual([[[4096, 8191]], [[12288, 16383]]]);
    expect(store.epochs).toEqual([9, 9]);
  });

  test.each([
    { what: 'other slots', change: { ranges: [[4096, 8190]] } },
    { what: 'another epoch', change: { epoch: 6 } },
  ])('with $what is not found', ({ change }) => {
    const store = expandingStore();
    const { state } = store;
    expect(store.code({ kind: 'commit-migration', task: task(change) })).toBe(
      'MIGRATION_TASK_NOT_FOUND',
    );
    expect(store.state).toBe(state);
  });

  test('of an unknown cluster is refused', () => {
    expect(expandingStore().code({ kind: 'commit-migration', task: task({ cluster: 'x' }) })).toBe(
      'CLUSTER_NOT_FOUND',
    );
  });

  test('for the addresses before a failover is not accepted', () => {
    const store = expandingStore();
    store.run({ kind: 'failover', address: address('10.0.1.3:6001') });
    expect(store.code({ kind: 'commit-migration', task: task() })).toBe('MIGRATION_TASK_NOT_FOUND');
    store.must({ kind: 'commit-migration', task: task({ epoch: 8 }) });
    expect(store.state.clusters.get(DEMO)?.epoch).toBe(9);
  });
});
