import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dueAtUs, dueCount, GROUP_US } from './rate-job.ts';

describe('the schedule of a fixed rate', () => {
  it('is even: after a second as many are due as the rate says', () => {
    for (const rate of [1000, 3999, 40_000, 123_456]) {
      expect(dueCount(1e6 - 1, rate)).toBe(rate);
    }
    expect(dueCount(-1, 40_000)).toBe(0);
    expect(dueCount(0, 40_000)).toBe(10);
    expect(dueCount(GROUP_US - 1, 40_000)).toBe(10);
    expect(dueCount(GROUP_US, 40_000)).toBe(20);
  });

  it('gives each request the first moment at which it counts as due', () => {
    const rate = fc.integer({ min: 100, max: 1_000_000 });
    const index = fc.integer({ min: 0, max: 10_000_000 });
    fc.assert(
      fc.property(rate, index, (requestsPerSecond, number) => {
        const atUs = dueAtUs(number, requestsPerSecond);
        expect(dueCount(atUs, requestsPerSecond)).toBeGreaterThan(number);
        expect(dueCount(atUs - 1, requestsPerSecond)).toBeLessThanOrEqual(number);
      }),
    );
  });
});
