import {
  DEFAULT_CLUSTER_CONFIG,
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
  parseSetCluster,
  type AddressSlots,
  type SetCluster,
  type TaggedSlots,
} from '@undermoon/cluster-meta';
import { SLOT_COUNT, type SlotRange } from '@undermoon/slots';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  buildRoutingTable,
  EMPTY_TABLE,
  peerIndexOf,
  SLOT_UNCOVERED,
  type RoutingTable,
} from './routing-table.ts';

const SELF = parseNodeAddress('127.0.0.1:5299')!;

function metaOf(line: string): SetCluster {
  const words = line.split(' ').map((word) => (word === '""' ? '' : word));
  const parsed = parseSetCluster(words);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.value;
}

function ownerOf(table: RoutingTable, slot: number): string {
  const value = table.slots[slot]!;
  if (value >= 0) return `local ${table.localNodes[value]}`;
  return value === SLOT_UNCOVERED ? 'nobody' : `peer ${table.peers[peerIndexOf(value)]!.address}`;
}

describe('buildRoutingTable', () => {
  test('before any metadata nothing is served', () => {
    expect(EMPTY_TABLE.slots).toHaveLength(SLOT_COUNT);
    expect(EMPTY_TABLE.slots.every((value) => value === SLOT_UNCOVERED)).toBe(true);
  });

  test('local nodes and peers', () => {
    const table = buildRoutingTable(
      metaOf('v2 7 NOFLAGS mydb 127.0.0.1:6379 1 0-8000 PEER 127.0.0.1:7000 1 8001-16382'),
    );
    expect(ownerOf(table, 0)).toBe('local 127.0.0.1:6379');
    expect(ownerOf(table, 8000)).toBe('local 127.0.0.1:6379');
    expect(ownerOf(table, 8001)).toBe('peer 127.0.0.1:7000');
    expect(ownerOf(table, 16_383)).toBe('nobody');
    expect([table.epoch, table.clusterName]).toEqual([7, 'mydb']);
    expect(Buffer.from(table.peers[0]!.movedSuffix).toString()).toBe(' 127.0.0.1:7000\r\n');
  });

  test('a redirection to an IPv6 peer has no brackets, as in Redis', () => {
    const table = buildRoutingTable(metaOf('v2 1 NOFLAG c PEER [::1]:7000 1 0-1'));
    expect(Buffer.from(table.peers[0]!.movedSuffix).toString()).toBe(' ::1:7000\r\n');
  });

  test('local wins over peer, and the lowest address among equals', () => {
    const table = buildRoutingTable(
      metaOf(
        'v2 1 NOFLAG c 127.0.0.1:2 1 0-10 127.0.0.1:1 1 5-20 PEER 127.0.0.1:8 1 0-30 127.0.0.1:7 1 25-40',
      ),
    );
    expect(ownerOf(table, 4)).toBe('local 127.0.0.1:2');
    expect(ownerOf(table, 5)).toBe('local 127.0.0.1:1');
    expect(ownerOf(table, 24)).toBe('peer 127.0.0.1:8');
    expect(ownerOf(table, 25)).toBe('peer 127.0.0.1:7');
  });

  test('without a cluster name nothing is routed', () => {
    const table = buildRoutingTable(metaOf('v2 1 NOFLAG "" 127.0.0.1:1 1 0-10 PEER a:1 1 11-20'));
    expect([ownerOf(table, 0), ownerOf(table, 11)]).toEqual(['nobody', 'nobody']);
    expect([table.localNodes, table.peers]).toEqual([[], []]);
  });

  const MIGRATION = '1 100-199 7 10.0.0.1:6001 10.0.0.1:7001 10.0.0.3:6001 10.0.0.3:7001';

  test.each([
    [
      'the source proxy',
      '10.0.0.1:6001',
      `10.0.0.1:7001 1 0-99 10.0.0.1:7001 MIGRATING ${MIGRATION} PEER 10.0.0.3:6001 IMPORTING ${MIGRATION}`,
      'local 10.0.0.1:7001',
    ],
    [
      'the destination proxy',
      '10.0.0.3:6001',
      `10.0.0.3:7001 IMPORTING ${MIGRATION} PEER 10.0.0.1:6001 MIGRATING ${MIGRATION} 10.0.0.1:6001 1 0-99`,
      'peer 10.0.0.1:6001',
    ],
    [
      'a third proxy',
      '10.0.0.2:6001',
      `10.0.0.2:7001 1 0-99 PEER 10.0.0.3:6001 IMPORTING ${MIGRATION} 10.0.0.1:6001 MIGRATING ${MIGRATION}`,
      'peer 10.0.0.1:6001',
    ],
    [
      'the destination proxy when only its own side is known',
      '10.0.0.3:6001',
      `10.0.0.3:7001 IMPORTING ${MIGRATION}`,
      'peer 10.0.0.1:6001',
    ],
    [
      'a third proxy that only knows the destination',
      '10.0.0.2:6001',
      `10.0.0.2:7001 1 0-99 PEER 10.0.0.3:6001 IMPORTING ${MIGRATION}`,
      'peer 10.0.0.1:6001',
    ],
    [
      'a proxy with both ends',
      '10.0.0.1:6001',
      `10.0.0.1:7002 IMPORTING ${MIGRATION} 10.0.0.1:7001 MIGRATING ${MIGRATION}`,
      'local 10.0.0.1:7001',
    ],
    [
      'a source that does not know that it is one',
      '10.0.0.1:6001',
      `PEER 10.0.0.3:6001 IMPORTING ${MIGRATION}`,
      'nobody',
    ],
  ])('a migrating range at %s is served by the source', (_, self, nodes, expected) => {
    const table = buildRoutingTable(metaOf(`v2 9 NOFLAG c ${nodes}`), parseNodeAddress(self));
    expect(ownerOf(table, 150)).toBe(expected);
  });

  test('never redirects to itself', () => {
    const meta = metaOf(`v2 1 NOFLAG c PEER ${SELF} 1 0-16383`);
    expect(ownerOf(buildRoutingTable(meta, SELF), 5)).toBe('nobody');
  });
});

const range: fc.Arbitrary<SlotRange> = fc
  .tuple(fc.nat(SLOT_COUNT - 1), fc.nat(300))
  .map(([start, length]): SlotRange => [start, Math.min(start + length, SLOT_COUNT - 1)]);

function addressSlots(prefix: string): fc.Arbitrary<AddressSlots> {
  const address = fc.nat(5).map((n) => parseNodeAddress(`${prefix}:${7000 + n}`)!);
  const tag = fc.constantFrom<TaggedSlots['tag']>(
    { kind: 'none' },
    { kind: 'migrating', meta: migration() },
    { kind: 'importing', meta: migration() },
  );
  const slots = fc.record({ ranges: range.map((r) => [r]), tag });
  return fc.record({ address, slots: fc.array(slots, { maxLength: 3 }) });
}

function migration(): Extract<TaggedSlots['tag'], { kind: 'migrating' }>['meta'] {
  return {
    epoch: parseEpoch(3)!,
    srcProxyAddress: parseNodeAddress('peer:7001')!,
    srcNodeAddress: parseNodeAddress('node:1')!,
    dstProxyAddress: parseNodeAddress('peer:7002')!,
    dstNodeAddress: parseNodeAddress('node:2')!,
  };
}

function command(local: AddressSlots[], peers: AddressSlots[]): SetCluster {
  return {
    epoch: parseEpoch(5)!,
    force: false,
    clusterName: parseClusterName('c'),
    local,
    peers,
    replicas: null,
    config: DEFAULT_CLUSTER_CONFIG,
    configWarning: null,
  };
}

/** Sorted. */
function servedBy(nodes: readonly AddressSlots[], slot: number): string[] {
  return nodes
    .filter(({ slots }) =>
      slots.some(
        ({ ranges, tag }) =>
          tag.kind !== 'importing' && ranges.some(([a, b]) => slot >= a && slot <= b),
      ),
    )
    .map(({ address }) => address)
    .toSorted();
}

test('properties: the order of the metadata does not matter, served claims always win', () => {
  const lists = fc.record({
    local: fc.array(addressSlots('local'), { maxLength: 4 }),
    peers: fc.array(addressSlots('peer'), { maxLength: 6 }),
  });
  fc.assert(
    fc.property(lists, ({ local, peers }) => {
      const table = buildRoutingTable(command(local, peers));
      const reversed = buildRoutingTable(command(local.toReversed(), peers.toReversed()));
      const edges = [...local, ...peers].flatMap(({ slots }) =>
        slots.flatMap(({ ranges }) => ranges.flat()),
      );
      for (const slot of edges) {
        const owner = ownerOf(table, slot);
        expect(ownerOf(reversed, slot)).toBe(owner);
        const here = servedBy(local, slot).map((address) => `local ${address}`);
        const there = servedBy(peers, slot).map((address) => `peer ${address}`);
        expect(owner).toBe([...here, ...there, 'peer peer:7001'][0]);
      }
    }),
  );
});
