import { metaStoreSchema, metaStoreToJson } from '@undermoon/broker-api';
import { countSlots, type SlotRanges } from '@undermoon/slots';
import { describe, expect, test } from 'vitest';
import {
  addProxyCommand,
  CheckedStore,
  clusterName,
  DEMO,
  EXPANDING_DUMP,
  proxyAt,
  storeWithCluster,
} from '../../test/store-fixture.ts';
import { NODE_NUMBER_MAX } from './node-number.ts';
import type { StoreCommand } from './command.ts';
import { parseDump } from './restore.ts';

const create = (nodeNumber: number, name = DEMO): StoreCommand => ({
  kind: 'create-cluster',
  name,
  nodeNumber,
});

describe('createCluster', () => {
  test.each<{ nodes: number; first: SlotRanges; last: SlotRanges }>([
    { nodes: 4, first: [[0, 8191]], last: [[8192, 16383]] },
    { nodes: 8, first: [[0, 4095]], last: [[12288, 16383]] },
    { nodes: 12, first: [[0, 2730]], last: [[13654, 16383]] },
  ])('deals all slots to $nodes nodes', ({ nodes, first, last }) => {
    const store = storeWithCluster(nodes / 2, nodes);
    const chunks = store.state.clusters.get(DEMO)?.chunks ?? [];
    expect(chunks[0]?.stableSlots[0]).toEqual(first);
    expect(chunks.at(-1)?.stableSlots[1]).toEqual(last);
    const counts = chunks.flatMap((chunk) =>
      chunk.stableSlots.map((part) => countSlots(part ?? [])),
    );
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect(counts.toSorted((left, right) => right - left)).toEqual(counts);
  });

  test.each([0, 1, 2, 6, -4, 4.5, NODE_NUMBER_MAX + 4, Number.MAX_SAFE_INTEGER])(
    'refuses %d nodes',
    (nodes) => {
      expect(storeWithCluster(4, 4).code(create(nodes, clusterName('x')))).toBe(
        'INVALID_NODE_NUMBER',
      );
    },
  );

  test('refuses a name that is taken, whatever the number of nodes is', () => {
    expect(storeWithCluster(4, 4).code(create(3))).toBe('ALREADY_EXISTED');
  });

  test('refuses what the proxies do not suffice for, and changes nothing', () => {
    const store = storeWithCluster(4, 4);
    const { state } = store;
    expect(store.code(create(8, clusterName('x')))).toBe('NO_AVAILABLE_RESOURCE');
    expect(store.state).toBe(state);
  });
});

describe('deleteCluster', () => {
  test('frees the proxies', () => {
    const store = storeWithCluster(2, 4);
    expect(store.code({ kind: 'remove-proxy', address: proxyAt(1) })).toBe('IN_USE');
    store.must({ kind: 'delete-cluster', name: DEMO });
    expect(store.code({ kind: 'delete-cluster', name: DEMO })).toBe('CLUSTER_NOT_FOUND');
    store.must({ kind: 'remove-proxy', address: proxyAt(1) });
  });
});

describe('changeConfig', () => {
  const change = (...changes: [string, string][]): StoreCommand => ({
    kind: 'change-config',
    name: DEMO,
    changes,
  });

  test('LIM-8: to the same values changes nothing, not even the epoch', () => {
    const store = storeWithCluster(2, 4);
    store.must(change(['migration_scan_count', '32']));
    const { state } = store;
    store.must(change(['migration_scan_count', '32'], ['compression_strategy', 'DISABLED']));
    expect(store.state).toBe(state);
  });

  test('splitting of commands is switched on, kept in dumps, and off again without a trace', () => {
    const store = storeWithCluster(2, 4);
    const dump = (): string => JSON.stringify(metaStoreToJson(store.state));
    const config = () => store.state.clusters.get(DEMO)?.config;
    expect(dump()).not.toContain('split_commands');
    store.must(change(['split_commands', 'true']));
    expect(config()?.splitCommands).toBe(true);
    const read = metaStoreSchema.parse(JSON.parse(dump()));
    expect(JSON.stringify(metaStoreToJson(read))).toBe(dump());
    expect(dump()).toContain('"split_commands":true');
    store.must(change(['split_commands', 'false']));
    expect(config()?.splitCommands).toBe(false);
    expect(dump()).not.toContain('split_commands');
  });

  test('changes several fields', () => {
    const store = storeWithCluster(2, 4);
    store.must(change(['compression_strategy', 'ALLOW_ALL'], ['migration_scan_interval', '0']));
    expect(store.state.clusters.get(DEMO)?.config).toMatchObject({
      compressionStrategy: 'allow_all',
      migration: { scanInterval: 0, scanCount: 16 },
    });
  });

  test.each([
    { field: 'nope', value: '1', message: 'FIELD_NOT_FOUND' },
    { field: 'migration_scan_count', value: '0', message: 'INVALID_VALUE' },
    { field: 'compression_strategy', value: 'some', message: 'INVALID_VALUE' },
    { field: 'split_commands', value: 'yes', message: 'INVALID_VALUE' },
  ])('refuses $field = $value and keeps all fields', ({ field, value, message }) => {
    const store = storeWithCluster(2, 4);
    const { state } = store;
    expect(store.run(change(['migration_scan_interval', '7'], [field, value]))).toEqual({
      ok: false,
      code: 'INVALID_CONFIG',
      message,
      key: field,
      value,
    });
    expect(store.state).toBe(state);
  });

  test('is refused while slots move', () => {
    const parsed = parseDump(EXPANDING_DUMP);
    const store = new CheckedStore(parsed.ok ? parsed.value : undefined);
    expect(store.code(change(['migration_scan_interval', '7']))).toBe('MIGRATION_RUNNING');
  });

  test('of an unknown cluster is refused', () => {
    expect(new CheckedStore().code(change())).toBe('CLUSTER_NOT_FOUND');
  });
});

describe('addProxy', () => {
  test('keeps the record of a known proxy', () => {
    const store = new CheckedStore();
    store.must(addProxyCommand(1, 'a'));
    const record = store.state.proxies.get(proxyAt(1));
    expect(store.code(addProxyCommand(1, 'b'))).toBe('ALREADY_EXISTED');
    expect(store.state.proxies.get(proxyAt(1))).toBe(record);
  });
});
