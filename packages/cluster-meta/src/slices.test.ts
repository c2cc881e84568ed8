import { describe, expect, it } from 'vitest';
import { finishSlices, SliceMeter, type Slices } from './slices.ts';

function* countTo(count: number, meter: SliceMeter): Slices<number> {
  for (let i = 0; i < count; i++) if (meter.isFullAfter(1)) yield;
  return count;
}

describe('slices', () => {
  it('end where the meter says, not where a clock says', () => {
    const slices = countTo(10, new SliceMeter(4));
    const steps = [slices.next(), slices.next(), slices.next()];
    expect(steps.map(({ done }) => done)).toEqual([false, false, true]);
    expect(steps[2]).toEqual({ done: true, value: 10 });
  });

  it('are one value when all are done', () => {
    expect(finishSlices(countTo(10, new SliceMeter(1)))).toBe(10);
    expect(finishSlices(countTo(0, new SliceMeter()))).toBe(0);
  });

  it('grow from a small beginning', () => {
    const meter = new SliceMeter(100, 10);
    const sizes: number[] = [];
    for (let items = 1; sizes.length < 60; items++) {
      if (!meter.isFullAfter(1)) continue;
      sizes.push(items);
      items = 0;
    }
    expect(sizes[0]).toBe(10);
    expect(sizes.toSorted((left, right) => left - right)).toEqual(sizes);
    expect(sizes.at(-1)).toBe(100);
  });

  it('count an item that is larger than a slice as one slice', () => {
    const meter = new SliceMeter(4);
    expect([meter.isFullAfter(100), meter.isFullAfter(3), meter.isFullAfter(1)]).toEqual([
      true,
      false,
      true,
    ]);
  });
});
