import assert from 'node:assert/strict';
import {
  countSlots,
  normalizeRanges,
  SLOT_COUNT,
  subtractRanges,
  unionRanges,
  type SlotRanges,
} from '@undermoon/slots';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countMoved, planMoves, slotQuotas, type CutEnd, type SlotMove } from './plan-slots.ts';

const CHUNKS_MAX = 1024;

/** The slots as a new cluster has them. */
function evenLayout(masters: number): SlotRanges[] {
  const quotas = slotQuotas(
    [],
    Array.from({ length: masters }, () => 1),
  );
  let start = 0;
  return quotas.map((quota) => {
    start += quota;
    return [[start - quota, start - 1]];
  });
}

interface Resized {
  readonly layout: readonly SlotRanges[];
  readonly moves: readonly SlotMove[];
}

/** Resizes a layout to `masters` masters, and checks the plan on the way. */
function resize(layout: readonly SlotRanges[], masters: number): Resized {
  const length = Math.max(layout.length, masters);
  const owned = Array.from({ length }, (_, master) => layout[master] ?? []);
  const weights = owned.map((_, master) => (master < masters ? 1 : 0));
  const cutEnd: CutEnd = masters < layout.length ? 'low' : 'high';
  const quotas = slotQuotas(owned.map(countSlots), weights);
  const moves = planMoves(owned, quotas, cutEnd);
  checkMinimal(owned, weights, moves);
  const after = applyMoves(owned, moves);
  assert.deepEqual(after.map(countSlots), quotas);
  return { layout: after.slice(0, masters), moves };
}

/** Carries moves out; fails when one takes what its source does not have. */
function applyMoves(owned: readonly SlotRanges[], moves: readonly SlotMove[]): SlotRanges[] {
  const after = [...owned];
  for (const { source, destination, ranges } of moves) {
    assert.equal(normalizeRanges(ranges), ranges, 'a move is not in normal form');
    assert(countSlots(ranges) > 0, 'a move without slots');
    const from = after[source] ?? [];
    const rest = subtractRanges(from, ranges);
    assert.equal(countSlots(rest), countSlots(from) - countSlots(ranges), 'moved twice');
    after[source] = rest;
    after[destination] = unionRanges(after[destination] ?? [], ranges);
  }
  const all = after.reduce((sum, ranges) => sum + countSlots(ranges), 0);
  assert.equal(all, SLOT_COUNT);
  return after;
}

// Whoever is above its share has to give; a slot above the lowest share may stay as often as there are slots left over.
function checkMinimal(
  owned: readonly SlotRanges[],
  weights: readonly number[],
  moves: readonly SlotMove[],
): void {
  const masters = weights.filter((weight) => weight > 0).length;
  const floor = Math.floor(SLOT_COUNT / masters);
  const leftOver = SLOT_COUNT % masters;
  let bound = 0;
  let above = 0;
  for (const [master, ranges] of owned.entries()) {
    const count = countSlots(ranges);
    if (weights[master] === 0) bound += count;
    else if (count > floor) {
      bound += count - floor;
      above++;
    }
  }
  assert.equal(countMoved(moves), bound - Math.min(leftOver, above));
  const givers = new Set(moves.map((move) => move.source));
  const takers = new Set(moves.map((move) => move.destination));
  assert(moves.length === 0 || moves.length <= givers.size + takers.size - 1);
  for (const giver of givers) assert(!takers.has(giver), `${giver} gives and takes`);
}

function textOf(moves: readonly SlotMove[]): string[] {
  return moves.map(({ source, destination, ranges }) => {
    const slots = ranges.map(([start, end]) => (start === end ? `${start}` : `${start}-${end}`));
    return `${source}>${destination} ${slots.join(' ')}`;
  });
}

describe('the moves of undermoon 0.6.2', () => {
  test.each([
    [1, 2, ['0>2 4096-8191', '1>3 12288-16383']],
    [1, 3, ['0>2 5461-8191', '0>3 2731-5460', '1>3 16383', '1>4 13653-16382', '1>5 10923-13652']],
    [2, 3, ['0>4 2731-4095', '1>4 6827-8191', '2>5 10923-12287', '3>5 15019-16383']],
    [2, 1, ['2>0 8192-12287', '3>1 12288-16383']],
    [3, 2, ['4>0 10924-12288', '4>1 12289-13653', '5>2 13654-15018', '5>3 15019-16383']],
    [3, 1, ['2>0 5462-8192', '3>0 8193-10922', '3>1 10923', '4>1 10924-13653', '5>1 13654-16383']],
  ])('from %i to %i chunks', (from, to, expected) => {
    expect(textOf(resize(evenLayout(2 * from), 2 * to).moves)).toEqual(expected);
  });
});

describe('a resize moves no slot twice and no more than necessary', () => {
  test('between all sizes up to 40 chunks', () => {
    for (let from = 1; from <= 40; from++) {
      for (let to = 1; to <= 40; to++) {
        expect(resize(evenLayout(2 * from), 2 * to).layout.length).toBe(2 * to);
      }
    }
  });

  test('BUG-1: when a master that stays has its new share already', () => {
    // The first sizes at which the original gives slots to two masters.
    for (const [from, to] of [
      [92, 91],
      [129, 127],
      [183, 179],
    ] as const) {
      expect(resize(evenLayout(2 * from), 2 * to).layout.length).toBe(2 * to);
    }
    for (let from = 2; from <= CHUNKS_MAX; from++) resize(evenLayout(2 * from), 2 * (from - 1));
    for (let to = 1; to <= CHUNKS_MAX; to += 7) resize(evenLayout(2 * CHUNKS_MAX), 2 * to);
  }, 60_000);

  test('between sizes up to 1024 chunks, one after the other', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: CHUNKS_MAX }), {
      minLength: 2,
      maxLength: 6,
    });
    fc.assert(
      fc.property(sizes, ([first = 1, ...rest]) => {
        let layout: readonly SlotRanges[] = evenLayout(2 * first);
        for (const chunks of rest) {
          const resized = resize(layout, 2 * chunks);
          assert.deepEqual(resize(resized.layout, 2 * chunks).moves, []);
          layout = resized.layout;
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  test('from any layout', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: SLOT_COUNT - 1 }), { maxLength: 40 });
    const input = fc.record({ cuts, masters: fc.integer({ min: 1, max: 24 }), seed: fc.nat() });
    fc.assert(
      fc.property(input, ({ cuts: unsorted, masters, seed }) => {
        const bounds = [0, ...unsorted.toSorted((left, right) => left - right), SLOT_COUNT];
        const layout = Array.from({ length: 12 }, (): SlotRanges => []);
        for (const [index, start] of bounds.slice(0, -1).entries()) {
          const owner = (seed + index * 7) % layout.length;
          const end = (bounds[index + 1] ?? SLOT_COUNT) - 1;
          layout[owner] = unionRanges(layout[owner] ?? [], [[start, end]]);
        }
        expect(resize(layout, masters).layout.length).toBe(masters);
      }),
      { numRuns: 300 },
    );
  });
});

describe('shares', () => {
  test('by weight, at least one slot each, to a slot', () => {
    const weights = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(weights, fc.array(fc.nat({ max: 2000 })), (weightsOf, owned) => {
        const total = weightsOf.reduce((sum, weight) => sum + weight, 0);
        fc.pre(total > 0);
        const quotas = slotQuotas(owned, weightsOf);
        const masters = weightsOf.filter((weight) => weight > 0).length;
        assert.equal(
          quotas.reduce((sum, quota) => sum + quota, 0),
          SLOT_COUNT,
        );
        for (const [master, weight] of weightsOf.entries()) {
          const exact = weight === 0 ? 0 : 1 + ((SLOT_COUNT - masters) * weight) / total;
          assert(Math.abs((quotas[master] ?? 0) - exact) < 1);
        }
      }),
    );
  });

  test.each([[[]], [[0, 0]], [Array.from({ length: SLOT_COUNT + 1 }, () => 1)]])(
    'of nobody, and of more masters than slots, there are none',
    (weights) => {
      expect(() => slotQuotas([], weights)).toThrow(RangeError);
    },
  );
});
