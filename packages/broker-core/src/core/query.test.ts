import assert from 'node:assert/strict';
import type { MetaStore, StoredCluster } from '@undermoon/broker-api';
import { metaStoreToJson } from '@undermoon/broker-api';
import { nodeToJson, proxyToJson } from '@undermoon/cluster-meta';
import type { SlotRanges } from '@undermoon/slots';
import { describe, expect, test } from 'vitest';
import {
  addProxyCommand,
  address,
  CheckedStore,
  DEMO,
  epoch,
  EXPANDING_DUMP,
  proxyAt,
  storeWithCluster,
  withRoles,
} from '../../test/store-fixture.ts';
import { clusterInfo, clusterView, limitMigrations, pageOf, proxyView } from './query.ts';
import { parseDump } from './restore.ts';

function expandingState(): MetaStore {
  const parsed = parseDump(EXPANDING_DUMP);
  assert(parsed.ok, JSON.stringify(parsed));
  return parsed.value;
}

function demoOf(state: MetaStore): StoredCluster {
  const cluster = state.clusters.get(DEMO);
  assert(cluster !== undefined);
  return cluster;
}

describe('the dump', () => {
  test('comes out as it went in', () => {
    expect(metaStoreToJson(expandingState())).toEqual(EXPANDING_DUMP);
  });
});

describe('the document of a member', () => {
  test('in the middle of an expansion, one migration shown', () => {
    const meta =
      '"epoch":7,"src_proxy_address":"10.0.1.1:6001","src_node_address":"10.0.1.1:7001",' +
      '"dst_proxy_address":"10.0.1.3:6001","dst_node_address":"10.0.1.3:7001"';
    const expected = `{"cluster_name":"demo","address":"10.0.1.1:6001","epoch":7,
     "nodes":[
      {"address":"10.0.1.1:7001","proxy_address":"10.0.1.1:6001",
       "slots":[{"range_list":[[0,4095]],"tag":"None"},
                {"range_list":[[4096,8191]],"tag":{"Migrating":{${meta}}}}],
       "repl":{"role":"master","peers":[{"node_address":"10.0.1.2:7002","proxy_address":"10.0.1.2:6001"}]}},
      {"address":"10.0.1.1:7002","proxy_address":"10.0.1.1:6001","slots":[],
       "repl":{"role":"replica","peers":[{"node_address":"10.0.1.2:7001","proxy_address":"10.0.1.2:6001"}]}}],
     "peers":[
      {"proxy_address":"10.0.1.2:6001","slots":[{"range_list":[[8192,16383]],"tag":"None"}]},
      {"proxy_address":"10.0.1.3:6001","slots":[{"range_list":[[4096,8191]],"tag":{"Importing":{${meta}}}}]},
      {"proxy_address":"10.0.1.4:6001","slots":[]}],
     "cluster_config":{"compression_strategy":"disabled","migration_config":{"max_migration_time":10800,"max_blocking_time":10000,"scan_interval":500,"scan_count":16}}}`;
    const view = proxyView(expandingState(), address('10.0.1.1:6001'), 1);
    assert(view !== null);
    expect(proxyToJson(view)).toEqual(JSON.parse(expected));
  });

  test('leaves out peers without a master', () => {
    const state = withRoles(storeWithCluster(2, 4).state, 0, 'SecondChunkMaster');
    expect(proxyView(state, proxyAt(1), 1)?.peers.map((peer) => peer.proxyAddress)).toEqual([
      proxyAt(2),
    ]);
    expect(proxyView(state, proxyAt(2), 1)?.peers).toEqual([]);
  });
});

describe('the document of a free proxy', () => {
  test('has two stand-alone masters at the global epoch', () => {
    const store = new CheckedStore();
    store.must(addProxyCommand(1));
    store.must(addProxyCommand(2));
    const view = proxyView(store.state, proxyAt(1), 1);
    assert(view !== null);
    expect(proxyToJson(view)).toEqual({
      cluster_name: null,
      address: '10.0.0.1:6001',
      epoch: 2,
      nodes: ['10.0.0.1:7001', '10.0.0.1:7002'].map((node) => ({
        address: node,
        proxy_address: '10.0.0.1:6001',
        slots: [],
        repl: { role: 'master', peers: [] },
      })),
      peers: [],
      cluster_config: null,
    });
  });

  test('of an unknown proxy is null', () => {
    expect(proxyView(new CheckedStore().state, proxyAt(1), 1)).toBeNull();
  });
});

describe('roles', () => {
  test.each([
    { position: 'Normal', masters: ['1:7001', '2:7001'] },
    { position: 'FirstChunkMaster', masters: ['1:7001', '1:7002'] },
    { position: 'SecondChunkMaster', masters: ['2:7002', '2:7001'] },
  ] as const)('$position', ({ position, masters }) => {
    const state = withRoles(storeWithCluster(2, 4).state, 0, position);
    const { nodes } = clusterView(state, demoOf(state), 1);
    const owners = ([0, 8192] as const).map((start) =>
      nodes.find((node) => node.slots.some((slots) => slots.ranges[0]?.[0] === start)),
    );
    expect(owners.map((node) => node?.address)).toEqual(masters.map((node) => `10.0.0.${node}`));
    expect(owners.map((node) => node?.role)).toEqual(['master', 'master']);
    expect(nodes.filter((node) => node.role === 'master').length).toBe(2);
    expect(nodes.map((node) => nodeToJson(node).repl.peers[0]?.node_address)).toEqual(
      [3, 2, 1, 0].map((i) => nodes[i]?.address),
    );
  });

  test('redirect a running migration', () => {
    const state = withRoles(expandingState(), 1, 'SecondChunkMaster');
    const importing = clusterView(state, demoOf(state), 1).nodes.find((node) =>
      node.slots.some((slots) => slots.tag.kind === 'importing'),
    );
    expect(importing?.address).toBe('10.0.1.4:7002');
    expect(importing?.slots[0]?.tag).toMatchObject({
      meta: { dstProxyAddress: '10.0.1.4:6001', dstNodeAddress: '10.0.1.4:7002' },
    });
  });
});

// One chunk growing to three: five migrations, as master indexes and slots.
const FIVE_TASKS: readonly (readonly [from: number, to: number, ranges: SlotRanges])[] = [
  [0, 2, [[5461, 8191]]],
  [0, 3, [[2731, 5460]]],
  [1, 3, [[16383, 16383]]],
  [1, 4, [[13653, 16382]]],
  [1, 5, [[10923, 13652]]],
];

function growingCluster(): StoredCluster {
  const base = demoOf(storeWithCluster(6, 12).state);
  const entriesOf = (master: number) =>
    FIVE_TASKS.flatMap(([from, to, ranges]) =>
      from === master || to === master
        ? [
            {
              ranges,
              isMigrating: from === master,
              isHeld: false,
              meta: {
                epoch: epoch(1),
                srcChunkIndex: Math.floor(from / 2),
                srcChunkPart: (from % 2) as 0 | 1,
                dstChunkIndex: Math.floor(to / 2),
                dstChunkPart: (to % 2) as 0 | 1,
              },
            },
          ]
        : [],
    );
  const chunks = base.chunks.map((chunk, i) => ({
    ...chunk,
    stableSlots:
      i === 0 ? ([[[0, 2730]], [[8192, 10922]]] as const) : ([null, null] as readonly [null, null]),
    migratingSlots: [entriesOf(2 * i), entriesOf(2 * i + 1)] as const,
  }));
  return { ...base, chunks };
}

describe('the limit on migrations', () => {
  test.each([
    { limit: 1, shown: ['0>2'], stable: [[[0, 5460]], [[8192, 16383]]] },
    { limit: 2, shown: ['0>2', '1>3'], stable: [[[0, 5460]], [[8192, 16382]]] },
    { limit: 5, shown: ['0>2', '1>3'], stable: [[[0, 5460]], [[8192, 16382]]] },
    {
      limit: 0,
      shown: ['0>2', '0>3', '1>3', '1>4', '1>5'],
      stable: [[[0, 2730]], [[8192, 10922]]],
    },
  ])('$limit', ({ limit, shown, stable }) => {
    const { chunks } = limitMigrations(growingCluster(), limit);
    expect(chunks[0]?.stableSlots).toEqual(stable);
    const tasks = (isMigrating: boolean): string[] =>
      chunks
        .flatMap((chunk) => chunk.migratingSlots.flat())
        .filter((entry) => entry.isMigrating === isMigrating)
        .map(
          ({ meta }) =>
            `${2 * meta.srcChunkIndex + meta.srcChunkPart}>${2 * meta.dstChunkIndex + meta.dstChunkPart}`,
        )
        .toSorted();
    expect(tasks(true)).toEqual(shown);
    expect(tasks(false)).toEqual(shown);
  });

  test('shows in the summary', () => {
    expect(clusterInfo(growingCluster(), 1)).toEqual({
      name: DEMO,
      nodeNumber: 12,
      nodeNumberWithSlots: 4,
      isMigrating: true,
    });
    expect(clusterInfo(demoOf(storeWithCluster(4, 8).state), 1)).toMatchObject({
      nodeNumber: 8,
      nodeNumberWithSlots: 8,
      isMigrating: false,
    });
  });
});

describe('pages', () => {
  test.each([
    { offset: 0, limit: null, expected: ['a', 'b', 'c'] },
    { offset: 1, limit: 1, expected: ['b'] },
    { offset: 2, limit: 5, expected: ['c'] },
    { offset: 0, limit: 0, expected: [] },
    { offset: 9, limit: null, expected: [] },
  ])('$offset, $limit', ({ expected, ...page }) => {
    expect(pageOf(new Set(['c', 'a', 'b']), page)).toEqual(expected);
  });
});
