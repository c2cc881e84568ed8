import { encodeSetCluster, encodeSetRepl, setClusterOf, setReplOf } from '@undermoon/cluster-meta';
import { describe, expect, test } from 'vitest';
import { address, clusterOf, epoch, stable, tagged } from '../../test/fixtures.ts';
import { documentsOf, membersOf, partnersOf } from './documents.ts';

const A = address('10.0.1.1:6001');
const B = address('10.0.1.2:6001');
const C = address('10.0.1.3:6001');
const D = address('10.0.1.4:6001');

const MIGRATION = {
  epoch: epoch(7),
  srcProxyAddress: A,
  srcNodeAddress: address('10.0.1.1:7001'),
  dstProxyAddress: C,
  dstNodeAddress: address('10.0.1.3:7001'),
};

const CLUSTER = clusterOf('demo', 7, [
  {
    proxies: [A, B],
    position: 'normal',
    parts: [
      [stable(0, 4095), tagged('migrating', [4096, 8191], MIGRATION)],
      [stable(8192, 16_383)],
    ],
  },
  {
    proxies: [C, D],
    position: 'normal',
    parts: [[tagged('importing', [4096, 8191], MIGRATION)], []],
  },
]);

describe('documents of a cluster', () => {
  test('each is what the broker serves: own nodes, and all other proxies with masters', () => {
    const documents = documentsOf(CLUSTER, []);
    expect(documents.map(({ meta }) => meta.address)).toEqual([A, B, C, D]);
    const [first] = documents;
    expect(first!.meta.nodes.map((node) => node.role)).toEqual(['master', 'replica']);
    expect(first!.meta.peers.map((peer) => [peer.proxyAddress, peer.slots.length])).toEqual([
      [B, 1],
      [C, 1],
      [D, 0],
    ]);
    expect(first!.meta).toMatchObject({ clusterName: 'demo', epoch: 7 });
  });

  test('encode to the commands of the specification, word for word', () => {
    const { meta } = documentsOf(CLUSTER, [])[0]!;
    expect(encodeSetRepl(setReplOf(meta)).join(' ')).toBe(
      '7 NOFLAG master demo 10.0.1.1:7001 1 10.0.1.2:8001 10.0.1.2:6001 replica demo 10.0.1.1:8001 1 10.0.1.2:7001 10.0.1.2:6001',
    );
    const tag = '7 10.0.1.1:6001 10.0.1.1:7001 10.0.1.3:6001 10.0.1.3:7001';
    expect(encodeSetCluster(setClusterOf(meta), { compress: false }).join(' ')).toBe(
      `v2 7 NOFLAG demo 10.0.1.1:7001 1 0-4095 10.0.1.1:7001 MIGRATING 1 4096-8191 ${tag} ` +
        `PEER 10.0.1.2:6001 1 8192-16383 10.0.1.3:6001 IMPORTING 1 4096-8191 ${tag} ` +
        'CONFIG compression_strategy disabled migration_max_migration_time 10800 ' +
        'migration_max_blocking_time 10000 migration_scan_interval 500 migration_scan_count 16',
    );
  });

  test('replicas are told to proxies that have an address as a replica', () => {
    const replicaAddress = address('10.0.1.1:6002');
    const replicas = [{ master: B, address: replicaAddress }];
    const replicaAddresses = [{ proxyAddress: A, replicaAddress }];
    const [a, b] = documentsOf({ ...CLUSTER, replicas, replicaAddresses }, []);
    expect(a!.meta).toMatchObject({ replicaAddress, replicas });
    expect(b!.meta).toMatchObject({ replicaAddress: null, replicas: null });
    expect(encodeSetCluster(setClusterOf(a!.meta), { compress: false }).join(' ')).toContain(
      ' REPLICA 10.0.1.2:6001 10.0.1.1:6002 CONFIG ',
    );
  });

  test('rank: asked for first, then importing, then without slots, then the rest', () => {
    const rankOf = (first: readonly (typeof A)[]): Record<string, number> =>
      Object.fromEntries(documentsOf(CLUSTER, first).map(({ meta, rank }) => [meta.address, rank]));
    expect(rankOf([])).toEqual({ [A]: 2, [B]: 2, [C]: 0, [D]: 1 });
    expect(rankOf([B, A])).toEqual({ [B]: -2, [A]: -1, [C]: 0, [D]: 1 });
  });

  test('a proxy with replicas only has a document, but is no peer of the others', () => {
    const flipped = clusterOf('demo', 8, [
      { proxies: [A, B], position: 'second', parts: [[stable(0, 8191)], [stable(8192, 16_383)]] },
    ]);
    const [a, b] = documentsOf(flipped, []);
    expect(a!.meta.nodes.map((node) => node.role)).toEqual(['replica', 'replica']);
    expect(a!.meta.peers.map((peer) => peer.proxyAddress)).toEqual([B]);
    expect(b!.meta.peers).toEqual([]);
    expect(membersOf(flipped)).toEqual([A, B]);
  });

  test('the partner holds the other ends of the replication pairs', () => {
    expect(partnersOf(CLUSTER, A)).toEqual([B]);
    expect(partnersOf(CLUSTER, D)).toEqual([C]);
    expect(partnersOf(CLUSTER, address('10.9.9.9:1'))).toEqual([]);
  });
});
