import { expect, it } from 'vitest';
import { LatencyHistogram } from './latency-histogram.ts';
import type { Measured } from './measure.ts';
import { joinSlices } from './slices.ts';

/** A slice of 99 requests that took a time, and one that took another. */
function slice(usualUs: number, slowUs: number, proxyCpuUs: number, otherCores: number): Measured {
  const latencies = new LatencyHistogram();
  for (let i = 0; i < 99; i++) latencies.record(usualUs);
  latencies.record(slowUs);
  const disturbance = { otherCores, stealCores: 0, lateShare: 0 };
  return { figures: { proxyCpuUs }, disturbance, latencies };
}

it('takes latencies from the requests of all slices, and the mean of everything else', () => {
  const joined = joinSlices([slice(100, 100, 10, 0), slice(100, 5000, 14, 0.2)]);
  expect(joined.figures).toMatchObject({ proxyCpuUs: 12, p50Ms: 0.101, p99Ms: 0.101, maxMs: 5 });
  expect(joined.disturbance.otherCores).toBeCloseTo(0.1);
  expect(joined.latencies?.count).toBe(200);
});

it('leaves a sample of one slice as it is', () => {
  const one = { ...slice(1, 1, 7, 0.3), latencies: null };
  expect(joinSlices([one])).toBe(one);
  expect(() => joinSlices([])).toThrow('without slices');
});
