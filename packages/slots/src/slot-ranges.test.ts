import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countSlots,
  equalRanges,
  hasSlot,
  intersectRanges,
  normalizeRanges,
  subtractRanges,
  unionRanges,
  type SlotRange,
  type SlotRanges,
} from './slot-ranges.ts';

// A few dozen slots at either end, so that ranges often touch, overlap and hit the limits.
const low = fc.nat(40);
const high = fc.integer({ min: 16_350, max: 16_383 });
const slot = fc.oneof(low, high);
const foreignRanges = fc.array(
  fc.oneof(
    { arbitrary: fc.tuple(low, low), weight: 10 },
    { arbitrary: fc.tuple(high, high), weight: 10 },
    { arbitrary: fc.tuple(slot, slot), weight: 1 },
  ),
  { maxLength: 12 },
);
const slotSet = foreignRanges.map((ranges) => normalizeRanges(ranges) ?? []);

function setOf(ranges: readonly SlotRange[]): Set<number> {
  const slots = new Set<number>();
  for (const [a, b] of ranges) {
    for (let i = Math.min(a, b); i <= Math.max(a, b); i++) slots.add(i);
  }
  return slots;
}

function expectSlots(actual: SlotRanges, expected: ReadonlySet<number>): void {
  expect(setOf(actual)).toEqual(expected);
  let last = -2;
  for (const [start, end] of actual) {
    expect(start).toBeGreaterThan(last + 1);
    expect(end).toBeGreaterThanOrEqual(start);
    last = end;
  }
}

/** Ranges, and how often one of them was read. */
function counted(ranges: SlotRanges): { ranges: SlotRanges; reads: () => number } {
  let reads = 0;
  const get = (target: SlotRanges, key: string | symbol): unknown => {
    if (typeof key === 'string' && /^\d+$/.test(key)) reads += 1;
    return Reflect.get(target, key);
  };
  return { ranges: new Proxy(ranges, { get }), reads: () => reads };
}

describe('normalizeRanges', () => {
  it('makes of thousands of ranges what it makes of few', () => {
    fc.assert(
      fc.property(foreignRanges, (ranges) => {
        const many = Array.from({ length: 1100 }, () => ranges).flat();
        expect(normalizeRanges(many)).toEqual(normalizeRanges(ranges));
      }),
      { numRuns: 50 },
    );
    const singles = Array.from({ length: 16_384 }, (_, i): SlotRange => [16_383 - i, 16_383 - i]);
    expect(normalizeRanges(singles)).toEqual([[0, 16_383]]);
  });

  it('sorts, swaps and merges', () => {
    expect(
      normalizeRanges([
        [9, 7],
        [0, 2],
        [3, 4],
        [8, 12],
        [20, 20],
      ]),
    ).toEqual([
      [0, 4],
      [7, 12],
      [20, 20],
    ]);
  });

  it('merges sorted neighbours, and gives back what is normal', () => {
    const neighbours: SlotRange[] = [
      [0, 4],
      [5, 9],
    ];
    expect(normalizeRanges(neighbours)).toEqual([[0, 9]]);
    const apart: SlotRange[] = [
      [0, 4],
      [6, 9],
    ];
    expect(normalizeRanges(apart)).toBe(apart);
  });

  it.each<[SlotRange]>([[[0, 16_384]], [[-1, 3]], [[0.5, 1]], [[0, Number.NaN]]])(
    'refuses %j',
    (range) => {
      expect(normalizeRanges([[1, 2], range])).toBeNull();
    },
  );

  it('keeps the slots, gives the normal form, and leaves its argument alone', () => {
    fc.assert(
      fc.property(foreignRanges, (ranges) => {
        const before = structuredClone(ranges);
        const normal = normalizeRanges(ranges);
        expectSlots(normal!, setOf(ranges));
        expect(normalizeRanges(normal!)).toEqual(normal);
        expect(ranges).toEqual(before);
      }),
    );
  });
});

describe('set arithmetic agrees with sets of numbers', () => {
  it('union, difference, intersection', () => {
    fc.assert(
      fc.property(slotSet, slotSet, (left, right) => {
        const before = structuredClone([left, right]);
        const [a, b] = [setOf(left), setOf(right)];
        expectSlots(unionRanges(left, right), new Set([...a, ...b]));
        expectSlots(subtractRanges(left, right), new Set([...a].filter((id) => !b.has(id))));
        expectSlots(intersectRanges(left, right), new Set([...a].filter((id) => b.has(id))));
        expect([left, right]).toEqual(before);
      }),
    );
  });

  it('count, membership, equality', () => {
    fc.assert(
      fc.property(slotSet, slotSet, slot, (left, right, id) => {
        const [a, b] = [setOf(left), setOf(right)];
        expect(countSlots(left)).toBe(a.size);
        expect(hasSlot(left, id)).toBe(a.has(id));
        const same = a.size === b.size && [...a].every((member) => b.has(member));
        expect(equalRanges(left, right)).toBe(same);
        expect(equalRanges(left, structuredClone(left))).toBe(true);
      }),
    );
  });

  it('reads each range a few times only', () => {
    const even = counted(Array.from({ length: 8192 }, (_, i): SlotRange => [2 * i, 2 * i]));
    const odd = counted(Array.from({ length: 8192 }, (_, i): SlotRange => [2 * i + 1, 2 * i + 1]));
    expect(subtractRanges(even.ranges, odd.ranges)).toHaveLength(8192);
    expect(even.reads() + odd.reads()).toBeLessThan(4 * 8192);
    expect(intersectRanges(even.ranges, odd.ranges)).toHaveLength(0);
    expect(even.reads() + odd.reads()).toBeLessThan(12 * 8192);
    const before = even.reads();
    expect(hasSlot(even.ranges, 16_382)).toBe(true);
    expect(even.reads() - before).toBeLessThan(20);
  });
});
