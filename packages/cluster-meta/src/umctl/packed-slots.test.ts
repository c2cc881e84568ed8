import * as fc from 'fast-check';
import { normalizeRanges, type SlotRange } from '@undermoon/slots';
import { describe, expect, it } from 'vitest';
import { setCluster } from '../../test/arbitraries.ts';
import { NO_TAG } from '../migration.ts';
import { parseNodeAddress } from '../node-address.ts';
import { PackedSlots, packSetCluster, unpackSetCluster } from './packed-slots.ts';
import { RangeList } from './range-list.ts';

const ADDRESS = parseNodeAddress('h:1')!;

describe('RangeList', () => {
  it('keeps ranges in any number, and normalizes the last of them', () => {
    const slot = fc.nat(16_383);
    fc.assert(
      fc.property(fc.array(fc.tuple(slot, slot), { maxLength: 60 }), fc.nat(60), (ranges, cut) => {
        const from = Math.min(cut, ranges.length);
        const list = new RangeList();
        for (const [start, end] of ranges) list.addRange(start, end);
        expect(list.toRanges(0, list.length)).toEqual(ranges);
        list.normalizeFrom(from);
        const last: readonly SlotRange[] = ranges.slice(from);
        expect(list.toRanges(0, from)).toEqual(ranges.slice(0, from));
        expect(list.toRanges(from, list.length)).toEqual(normalizeRanges(last));
      }),
      { numRuns: 200 },
    );
  });
});

describe('PackedSlots', () => {
  it('holds what a command says, but for addresses without slots', () => {
    fc.assert(
      fc.property(setCluster, (command) => {
        const { local, peers } = command;
        expect(unpackSetCluster(packSetCluster(command))).toEqual({
          ...command,
          local: local.filter(({ slots }) => slots.length > 0),
          peers: peers.filter(({ slots }) => slots.length > 0),
        });
      }),
      { numRuns: 200 },
    );
  });

  it('has no item past the last one', () => {
    const packed = new PackedSlots();
    packed.addRange(3, 2);
    packed.addRange(1, 1);
    packed.addItem(ADDRESS, { kind: 'none' });
    packed.addItem(ADDRESS, NO_TAG);
    expect(packed.slotsOf(0)).toEqual({ ranges: [[1, 3]], tag: NO_TAG });
    expect(packed.rangesOf(1)).toEqual([]);
    expect([...packed.addresses()]).toEqual([ADDRESS]);
    for (const item of [-1, 2]) {
      expect(() => packed.addressOf(item)).toThrow(RangeError);
      expect(() => packed.tagOf(item)).toThrow(RangeError);
      expect(() => packed.rangesOf(item)).toThrow(RangeError);
    }
  });
});
