import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { differingParts, withKeys } from './split-map.ts';

const MANY: ReadonlyMap<string, number> = new Map(
  Array.from({ length: 1000 }, (_, n) => [`10.0.${n >> 8}.${n & 255}:6001`, n]),
);
const keys = fc.constantFrom(...MANY.keys(), 'x:1', 'y:2', 'z:3');
const changes = fc.array(fc.tuple(keys, fc.option(fc.nat(), { nil: null })), { maxLength: 20 });

function plainCopy(map: ReadonlyMap<string, number>, entries: readonly [string, number | null][]) {
  const copy = new Map(map);
  for (const [key, value] of entries) {
    if (value === null) copy.delete(key);
    else copy.set(key, value);
  }
  return copy;
}

describe('a copy of a large map with changes', () => {
  test('is what a plain one is', () => {
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 5 }), (rounds) => {
        let split = MANY;
        let plain = MANY;
        for (const entries of rounds) {
          const before = split;
          const had = [...before].length;
          split = withKeys(split, entries);
          plain = plainCopy(plain, entries);
          expect([...before]).toHaveLength(had);
        }
        expect(split.size).toBe(plain.size);
        expect(new Map(split)).toEqual(plain);
        expect(new Map([...split.keys()].map((key) => [key, split.get(key)]))).toEqual(plain);
        const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);
        expect(sum(split.values())).toBe(sum(plain.values()));
        for (const key of MANY.keys()) expect(split.has(key)).toBe(plain.has(key));
        const visited = new Map<string, number>();
        split.forEach((value, key) => visited.set(key, value));
        expect(visited).toEqual(plain);
      }),
      { numRuns: 20 },
    );
  });

  test('differs from the map before in few parts', () => {
    fc.assert(
      fc.property(changes, (entries) => {
        const before = withKeys(MANY, [['x:1', 1]]);
        const after = withKeys(before, entries);
        const parts = differingParts(before, after);
        expect(parts.length).toBeLessThanOrEqual(entries.length);
        const changed = parts.flatMap(([old, now]) =>
          [...now].filter(([key, value]) => old.get(key) !== value).map(([key]) => key),
        );
        const expected = [...after].filter(([key, value]) => before.get(key) !== value);
        expect(changed.toSorted()).toEqual(expected.map(([key]) => key).toSorted());
      }),
    );
  });

  test('shares no part with one that was made anew', () => {
    const total = (parts: ReturnType<typeof differingParts>): number =>
      parts.reduce((sum, [old]) => sum + old.size, 0);
    expect(total(differingParts(MANY, withKeys(MANY, [])))).toBe(MANY.size);
    const split = withKeys(MANY, []);
    expect(differingParts(split, withKeys(split, []))).toEqual([]);
  });
});

test('a small map stays a plain one', () => {
  expect(withKeys(new Map([['a', 1]]), [['b', 2]])).toEqual(
    new Map([
      ['a', 1],
      ['b', 2],
    ]),
  );
});
