import {
  finishSlices,
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
  SliceMeter,
} from '@undermoon/cluster-meta';
import { SLOT_COUNT } from '@undermoon/slots';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { clusterViewSlices, rangesOf, slotOwnersOf, type ClusterView } from './cluster-view.ts';
import { EMPTY_TABLE, peerIndexOf, SLOT_UNCOVERED, type RoutingTable } from './routing-table.ts';

const SELF = parseNodeAddress('10.0.0.1:6001')!;
const PEERS = ['10.0.0.2:6001', '10.0.0.3:6001', '[::1]:6001'].map((text) => ({
  address: parseNodeAddress(text)!,
  movedSuffix: new Uint8Array(),
}));

function tableOf(pieces: readonly { length: number; value: number }[]): RoutingTable {
  const slots = new Int16Array(SLOT_COUNT).fill(SLOT_UNCOVERED);
  let slot = 0;
  for (const { length, value } of pieces) {
    slots.fill(value, slot, slot + length);
    slot += length;
  }
  const localNodes = ['10.0.0.1:7001', '10.0.0.1:7002'].map((text) => parseNodeAddress(text)!);
  const clusterName = parseClusterName('c');
  const epoch = parseEpoch(7)!;
  return { ...EMPTY_TABLE, epoch, clusterName, slots, localNodes, peerStart: 2, peers: PEERS };
}

function draw(table: RoutingTable, idOf: (address: string) => string): ClusterView {
  return finishSlices(clusterViewSlices({ table, self: SELF, links: [], idOf }, new SliceMeter()));
}

test('properties: ranges are sorted, merged and say of each slot what the table says', () => {
  const piece = fc.record({
    length: fc.integer({ min: 1, max: 3000 }),
    value: fc.integer({ min: -4, max: 1 }),
  });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const table = tableOf(pieces);
      const view = draw(table, (text) => `id of ${text}`);
      const owners: string[] = Array.from({ length: SLOT_COUNT }, () => 'nobody');
      let last = { end: -1, owner: '' };
      for (let i = 0; i < view.rangeCount; i++) {
        const range = [view.rangeStarts[i]!, view.rangeEnds[i]!] as const;
        const owner = view.members[view.rangeOwners[i]!]!;
        expect(range[0]).toBeGreaterThan(last.end);
        expect(range[0] === last.end + 1 && owner.nodeId === last.owner).toBe(false);
        owners.fill(owner.nodeId, range[0], range[1] + 1);
        last = { end: range[1], owner: owner.nodeId };
      }
      const expected = [...table.slots].map((value) => {
        if (value === SLOT_UNCOVERED) return 'nobody';
        return `id of ${value >= 0 ? SELF : PEERS[peerIndexOf(value)]!.address}`;
      });
      expect(owners).toEqual(expected);
      expect(slotOwnersOf(table, SELF).coveredCount).toBe(
        owners.filter((owner) => owner !== 'nobody').length,
      );
      for (const index of view.members.keys()) {
        const own = [...view.rangeOwners.subarray(0, view.rangeCount).entries()]
          .filter(([, owner]) => owner === index)
          .map(([range]) => [view.rangeStarts[range], view.rangeEnds[range]]);
        expect(rangesOf(view, index)).toEqual(own);
      }
    }),
    { numRuns: 50 },
  );
});

test('members are this proxy and all peers, with or without slots, by address', () => {
  const view = draw(tableOf([]), (text) => text);
  expect(view.members.map(({ nodeId }) => nodeId)).toEqual([
    '10.0.0.1:6001',
    '10.0.0.2:6001',
    '10.0.0.3:6001',
    '[::1]:6001',
  ]);
  expect(view.members.at(-1)).toMatchObject({ host: '::1', port: 6001 });
  expect(view.rangeCount).toBe(0);
});

test('replicas are addresses without slots that follow proxies with slots, whatever their number', () => {
  const half = SLOT_COUNT / 2;
  const table = tableOf([
    { length: half, value: 0 },
    { length: half, value: -2 },
  ]);
  const [peer, empty] = PEERS.map(({ address }) => address);
  const links = [
    { master: SELF, address: parseNodeAddress('10.0.0.2:6002')! },
    { master: peer!, address: parseNodeAddress('10.0.0.1:6002')! },
    // Has slots itself; follows a proxy without slots.
    { master: SELF, address: peer! },
    { master: empty!, address: parseNodeAddress('10.0.0.4:6002')! },
  ];
  const source = { table, self: SELF, links, idOf: (address: string) => address };
  const view = finishSlices(clusterViewSlices(source, new SliceMeter()));
  expect(view.members.map(({ nodeId, master }) => [nodeId, master?.nodeId ?? null])).toEqual([
    ['10.0.0.1:6001', null],
    ['10.0.0.1:6002', '10.0.0.2:6001'],
    ['10.0.0.2:6001', null],
    ['10.0.0.2:6002', '10.0.0.1:6001'],
    ['10.0.0.3:6001', null],
    ['[::1]:6001', null],
  ]);
  expect([...view.replicas.keys()]).toEqual(['10.0.0.2:6001', '10.0.0.1:6001']);
  expect(rangesOf(view, 1)).toEqual([]);
  expect(rangesOf(view, 2)).toEqual([[half, SLOT_COUNT - 1]]);
});
