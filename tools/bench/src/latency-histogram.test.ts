import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from './latency-histogram.ts';

function histogramOf(latencies: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const latency of latencies) histogram.record(latency);
  return histogram;
}

describe('LatencyHistogram', () => {
  it('knows quantiles to 1 % or 1 µs', () => {
    const latencies = fc.array(fc.double({ min: 0, max: 4e9, noNaN: true }), { minLength: 1 });
    const share = fc.double({ min: 0.001, max: 1, noNaN: true });
    fc.assert(
      fc.property(latencies, share, (values, wanted) => {
        const sorted = values.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(wanted * sorted.length) - 1] ?? Number.NaN;
        const found = histogramOf(values).quantileUs(wanted);
        expect(found).toBeGreaterThanOrEqual(exact);
        expect(found).toBeLessThanOrEqual(exact * 1.01 + 1);
      }),
    );
  });

  it('adds up what several processes found', () => {
    const one = histogramOf([10, 20, 30]);
    const two = histogramOf([1000, 40]);
    const both = new LatencyHistogram();
    for (const part of [one, two]) {
      both.add(JSON.parse(JSON.stringify(part.toRecord())) as ReturnType<typeof part.toRecord>);
    }
    expect(both.toRecord()).toEqual(histogramOf([10, 20, 30, 1000, 40]).toRecord());
    expect(both.count).toBe(5);
    expect(both.maxUs).toBe(1000);
  });

  it('has no quantile of nothing, and keeps the longest whatever its size', () => {
    expect(new LatencyHistogram().quantileUs(0.5)).toBeNaN();
    expect(histogramOf([1e15]).quantileUs(1)).toBeGreaterThan(3e9);
    expect(histogramOf([1e15]).maxUs).toBe(1e15);
  });
});
