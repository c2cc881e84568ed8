import assert from 'node:assert/strict';
import type { StoredCluster } from '@undermoon/broker-api';
import type { MigrationTask } from '@undermoon/cluster-meta';
import { countSlots } from '@undermoon/slots';
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
import { emptyStore } from './model.ts';
import { clusterView } from './query.ts';
import { parseDump } from './restore.ts';

const addNodes = (nodeNumber: number, name = DEMO) =>
  ({ kind: 'add-nodes', name, nodeNumber }) as const;
const scale = (nodeNumber: number, name = DEMO) => ({ kind: 'scale', name, nodeNumber }) as const;
const shrink = (nodeNumber: number) => ({ kind: 'shrink', name: DEMO, nodeNumber }) as const;
const EXPAND = { kind: 'expand', name: DEMO } as const;
const DELETE_FREE = { kind: 'delete-free-nodes', name: DEMO } as const;
const REBALANCE = { kind: 'rebalance', name: DEMO } as const;

function demo(store: CheckedStore): StoredCluster {
  const cluster = store.state.clusters.get(DEMO);
  assert(cluster !== undefined);
  return cluster;
}

function slotCounts(store: CheckedStore): number[] {
  return demo(store).chunks.flatMap((chunk) =>
    chunk.stableSlots.map((ranges) => countSlots(ranges ?? [])),
  );
}

function tasksOf(store: CheckedStore): MigrationTask[] {
  return clusterView(store.state, demo(store), 0).nodes.flatMap((node) =>
    node.slots
      .filter((slots) => slots.tag.kind === 'migrating')
      .map((slots) => ({ clusterName: DEMO, slots })),
  );
}

function commitAll(store: CheckedStore): void {
  for (const task of tasksOf(store)) store.must({ kind: 'commit-migration', task });
}

describe('add-nodes', () => {
  test('adds chunks without slots at the end', () => {
    const store = storeWithCluster(6, 4);
    const [before] = store.epochs;
    store.must(addNodes(8));
    expect(store.epochs).toEqual([before + 1, before + 1]);
    expect(slotCounts(store)).toEqual([8192, 8192, 0, 0, 0, 0]);
    expect(store.state.proxies.get(proxyAt(6))?.cluster).toBe(DEMO);
  });

  test.each([0, 2, 5, -4, 4.5, NODE_NUMBER_MAX, Number.MAX_SAFE_INTEGER])(
    'refuses %d nodes',
    (nodes) => {
      expect(storeWithCluster(6, 4).code(addNodes(nodes))).toBe('INVALID_NODE_NUMBER');
    },
  );

  test('refuses what there are no proxies for, and changes nothing', () => {
    const store = storeWithCluster(4, 4);
    const { state } = store;
    expect(store.code(addNodes(8))).toBe('NO_AVAILABLE_RESOURCE');
    expect(store.code(addNodes(4, clusterName('x')))).toBe('CLUSTER_NOT_FOUND');
    expect(store.state).toBe(state);
  });

  test('in ordered mode goes on with the next index', () => {
    const store = new CheckedStore(emptyStore(true));
    for (let n = 1; n <= 8; n++) store.must(addProxyCommand(n, 'h', n - 1));
    store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: 4 });
    store.must(addNodes(4));
    expect(store.chunk(1).proxyAddresses).toEqual([proxyAt(3), proxyAt(4)]);
    store.report(5);
    expect(store.code(addNodes(4))).toBe('PROXY_RESOURCE_OUT_OF_ORDER');
  });
});

describe('add-nodes-up-to', () => {
  test('adds what is missing and refuses when nothing is', () => {
    const store = storeWithCluster(6, 4);
    const upTo = (nodeNumber: number) =>
      ({ kind: 'add-nodes-up-to', name: DEMO, nodeNumber }) as const;
    store.must(upTo(12));
    expect(demo(store).chunks.length).toBe(3);
    expect(store.code(upTo(12))).toBe('NODE_NUM_ALREADY_ENOUGH');
    expect(store.code(upTo(0))).toBe('NODE_NUM_ALREADY_ENOUGH');
    expect(store.code(upTo(13))).toBe('INVALID_NODE_NUMBER');
    expect(store.code({ ...upTo(4), name: clusterName('x') })).toBe('CLUSTER_NOT_FOUND');
  });
});

describe('delete-free-nodes', () => {
  test('frees the proxies of all chunks without slots', () => {
    const store = storeWithCluster(6, 4);
    store.must(addNodes(8));
    const [before] = store.epochs;
    store.must(DELETE_FREE);
    expect(store.epochs).toEqual([before + 1, before + 1]);
    expect(demo(store).chunks.length).toBe(1);
    expect(store.state.proxies.get(proxyAt(6))?.cluster).toBeNull();
    const { state } = store;
    expect(store.code(DELETE_FREE)).toBe('FREE_NODE_NOT_FOUND');
    expect(store.state).toBe(state);
  });
});

describe('expand', () => {
  test('plans the migrations, which one commit after the other ends', () => {
    const store = storeWithCluster(6, 4);
    store.must(addNodes(8));
    store.must(EXPAND);
    const tasks = tasksOf(store);
    expect(tasks.length).toBe(5);
    const { epoch } = demo(store);
    expect(
      tasks.map(({ slots }) => (slots.tag.kind === 'none' ? null : slots.tag.meta.epoch)),
    ).toEqual(tasks.map(() => epoch));
    for (const command of [EXPAND, REBALANCE, DELETE_FREE, addNodes(4), scale(4)]) {
      expect(store.code(command)).toBe('MIGRATION_RUNNING');
    }
    commitAll(store);
    expect(slotCounts(store)).toEqual([2731, 2731, 2731, 2731, 2730, 2730]);
    expect(store.code(EXPAND)).toBe('SLOTS_ALREADY_EVEN');
  });

  test('gives the example of the dump', () => {
    const store = new CheckedStore();
    for (let n = 1; n <= 4; n++) store.must(addProxyCommand(n));
    store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: 4 });
    store.must(addNodes(4));
    store.must(EXPAND);
    const parsed = parseDump(EXPANDING_DUMP);
    assert(parsed.ok);
    const expected = parsed.value.clusters.get(DEMO);
    expect(store.epochs).toEqual([7, 7]);
    expect(demo(store).chunks.map((chunk) => [chunk.stableSlots, chunk.migratingSlots])).toEqual(
      expected?.chunks.map((chunk) => [chunk.stableSlots, chunk.migratingSlots]),
    );
  });

  test('BUG-4: a refused one leaves the epoch as it is', () => {
    const store = storeWithCluster(2, 4);
    const { state } = store;
    expect(store.code(EXPAND)).toBe('SLOTS_ALREADY_EVEN');
    expect(store.code(shrink(4))).toBe('INVALID_NODE_NUMBER');
    expect(store.state).toBe(state);
  });
});

describe('shrink', () => {
  test('empties the last chunks', () => {
    const store = storeWithCluster(6, 12);
    store.must(shrink(4));
    commitAll(store);
    expect(slotCounts(store)).toEqual([8192, 8192, 0, 0, 0, 0]);
    expect(demo(store).chunks[2]?.stableSlots).toEqual([null, null]);
    store.must(DELETE_FREE);
    expect(demo(store).chunks.length).toBe(1);
  });

  test.each([0, 2, 12, 16, 4.5])('to %d nodes is refused', (nodes) => {
    expect(storeWithCluster(6, 12).code(shrink(nodes))).toBe('INVALID_NODE_NUMBER');
  });

  test('is refused while there are chunks without slots, migrating or not', () => {
    const store = storeWithCluster(6, 8);
    store.must(addNodes(4));
    expect(store.code(shrink(4))).toBe('FREE_NODE_FOUND');
    store.must(EXPAND);
    expect(store.code(shrink(4))).toBe('MIGRATION_RUNNING');
  });

  test('BUG-1: from 92 chunks to 91 every slot keeps one owner', () => {
    const store = storeWithCluster(184, 368);
    store.must(shrink(364));
    commitAll(store);
    const counts = slotCounts(store).slice(0, 182);
    expect(Math.max(...counts) - Math.min(...counts)).toBe(1);
    expect(slotCounts(store).slice(182)).toEqual([0, 0]);
  });
});

describe('rebalance', () => {
  test('evens out what an abandoned plan left', () => {
    const store = storeWithCluster(4, 8);
    expect(store.code(REBALANCE)).toBe('SLOTS_ALREADY_EVEN');
    const cluster = demo(store);
    const [first, second] = cluster.chunks;
    assert(first !== undefined && second !== undefined);
    const uneven = [
      { ...first, stableSlots: [[[0, 9999]], [[10_000, 12_287]]] as const },
      { ...second, stableSlots: [null, [[12_288, 16_383]]] as const },
    ];
    const clusters = new Map([[DEMO, { ...cluster, chunks: uneven }]]);
    const start = new CheckedStore({ ...store.state, clusters });
    start.must(REBALANCE);
    expect(tasksOf(start).length).toBe(2);
    commitAll(start);
    expect(slotCounts(start)).toEqual([4096, 4096, 4096, 4096]);
  });
});

describe('scale', () => {
  test('up adds nodes, and again changes nothing', () => {
    const store = storeWithCluster(6, 4);
    store.must(scale(12));
    const { state } = store;
    store.must(scale(12));
    expect(store.state).toBe(state);
    expect(slotCounts(store)).toEqual([8192, 8192, 0, 0, 0, 0]);
  });

  test('down plans the migrations, after it removed nodes without slots', () => {
    const store = storeWithCluster(8, 12);
    store.must(addNodes(4));
    store.must(scale(8));
    expect(demo(store).chunks.length).toBe(3);
    commitAll(store);
    expect(slotCounts(store)).toEqual([4096, 4096, 4096, 4096, 0, 0]);
    store.must(scale(8));
    expect(demo(store).chunks.length).toBe(2);
  });

  test('to fewer new nodes than there are', () => {
    const store = storeWithCluster(8, 4);
    store.must(addNodes(12));
    store.must(scale(8));
    expect(demo(store).chunks.length).toBe(2);
  });

  test.each([0, 6, 4.5, NODE_NUMBER_MAX + 4])('to %d nodes is refused', (nodes) => {
    const store = storeWithCluster(4, 4);
    store.must(addNodes(4));
    const { state } = store;
    expect(store.code(scale(nodes))).toBe('INVALID_NODE_NUMBER');
    expect(store.code(scale(12))).toBe('NO_AVAILABLE_RESOURCE');
    expect(store.code(scale(8, clusterName('x')))).toBe('CLUSTER_NOT_FOUND');
    expect(store.state).toBe(state);
  });
});
