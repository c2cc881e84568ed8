import { parseClusterName, parseNodeAddress, type NodeAddress } from '@undermoon/cluster-meta';
import { SLOT_COUNT } from '@undermoon/slots';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { changedSlots } from './held-slots.ts';
import {
  EMPTY_TABLE,
  peerIndexOf,
  peerTargetOf,
  SLOT_UNCOVERED,
  type RoutingTable,
} from './routing-table.ts';

const ADDRESSES: readonly NodeAddress[] = [1, 2, 3, 4].map((port) =>
  parseNodeAddress(`127.0.0.1:${port}`)!,
);
const CLUSTER = parseClusterName('c');

const tables: fc.Arbitrary<RoutingTable> = fc
  .record({
    isMember: fc.boolean(),
    local: fc.shuffledSubarray([...ADDRESSES]),
    peers: fc.shuffledSubarray([...ADDRESSES]),
    seed: fc.nat(),
  })
  .map(({ isMember, local, peers, seed }) => {
    // From -1 - the number of peers up to the last local node.
    const valueCount = local.length + 1 + peers.length;
    const slots = EMPTY_TABLE.slots.map(
      (_, slot) => (((slot * 7 + seed) >>> 3) % valueCount) - 1 - peers.length,
    );
    return {
      ...EMPTY_TABLE,
      clusterName: isMember ? CLUSTER : null,
      slots,
      localNodes: local,
      peerStart: local.length,
      peers: peers.map(peerTargetOf),
    };
  });

function placeOf({ slots, localNodes, peers, clusterName }: RoutingTable, slot: number): string {
  const value = slots[slot]!;
  if (value >= 0) return `local ${localNodes[value]}`;
  if (value !== SLOT_UNCOVERED) return `peer ${peers[peerIndexOf(value)]!.address}`;
  return clusterName === null ? 'nowhere' : 'down';
}

test('properties: slots change that go to another place, whatever the tables call it', () => {
  fc.assert(
    fc.property(tables, tables, (from, to) => {
      const marks = changedSlots(from, to);
      const wrong: number[] = [];
      for (let slot = 0; slot < SLOT_COUNT; slot += 5) {
        const isChanged = placeOf(from, slot) !== placeOf(to, slot);
        if ((marks[slot] === 1) !== isChanged) wrong.push(slot);
      }
      expect(wrong).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test('all slots change with what is done to their values', () => {
  const { config } = EMPTY_TABLE;
  const split = { ...EMPTY_TABLE, config: { ...config, splitCommands: !config.splitCommands } };
  const packed: RoutingTable = {
    ...EMPTY_TABLE,
    config: { ...config, compressionStrategy: 'allow_all' },
  };
  expect(changedSlots(EMPTY_TABLE, EMPTY_TABLE).includes(1)).toBe(false);
  for (const other of [split, packed]) {
    expect(changedSlots(EMPTY_TABLE, other).includes(0)).toBe(false);
  }
});
