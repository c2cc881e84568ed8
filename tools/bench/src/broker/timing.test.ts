import { expect, it } from 'vitest';
import { timingOf } from './timing.ts';

it('takes the samples at their places', () => {
  const samples = Array.from({ length: 200 }, (_, index) => 200 - index);
  expect(timingOf(samples)).toEqual({ count: 200, p50Ms: 100, p99Ms: 198, maxMs: 200 });
  expect(timingOf([5])).toEqual({ count: 1, p50Ms: 5, p99Ms: 5, maxMs: 5 });
});
