import { expect, it } from 'vitest';
import { parseFigures } from './micro-figures.ts';
import { microRows } from './micro-rows.ts';

const figures = (scan: number): ReadonlyMap<string, number> => new Map([['scan', scan]]);

it('takes the median over the rounds', () => {
  const rounds = [30, 10, 20].map((ns) => ({ head: figures(ns), base: null }));
  expect(microRows(rounds)).toEqual([{ name: 'scan', ns: 20, spread: 1, against: null }]);
});

it('calls a case lost when it is slower in nearly all rounds', () => {
  const slow = Array.from({ length: 9 }, (_, i) => ({
    head: figures(i === 0 ? 80 : 110 + i),
    base: figures(100),
  }));
  const [row] = microRows(slow);
  expect(row?.against).toMatchObject({ baseNs: 100, isLost: true });
  expect(row?.against?.sureLoss).toBeCloseTo(0.11);
  // Two rounds that say otherwise are enough for doubt.
  const unsure = slow.map((round, i) => (i === 1 ? { ...round, head: figures(90) } : round));
  expect(microRows(unsure)[0]?.against?.isLost).toBe(false);
  expect(microRows(slow.slice(0, 3))[0]?.against).toMatchObject({ sureLoss: null, isLost: false });
});

it('compares only what the base has too', () => {
  const rounds = [{ head: figures(10), base: new Map([['other', 1]]) }];
  expect(microRows(rounds)[0]?.against).toBeNull();
});

it('reads what a worker prints', () => {
  expect(parseFigures('{"scan":12.5}')).toEqual(new Map([['scan', 12.5]]));
  expect(() => parseFigures('{"scan":"fast"}')).toThrow('scan: fast is no number');
  expect(() => parseFigures('null')).toThrow('no figures');
});
