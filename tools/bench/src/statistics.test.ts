import { expect, it } from 'vitest';
import { lowerBoundOfMedian, median, medianInterval, spread } from './statistics.ts';

it('takes the middle, or the mean of the two middle ones', () => {
  expect(median([5, 1, 9])).toBe(5);
  expect(median([4, 1, 2, 100])).toBe(3);
  expect(median([])).toBeNaN();
});

it('relates the range to the median', () => {
  expect(spread([10, 8, 12])).toBeCloseTo(0.4);
  expect(spread([7])).toBe(0);
});

it('bounds the median by the sign test', () => {
  const ten = [10, 2, 3, 4, 5, 6, 7, 8, 9, 1];
  // All ten above the true median: 1 in 1024. Nine or ten: 11 in 1024.
  expect(lowerBoundOfMedian(ten, 0.001)).toBe(1);
  expect(lowerBoundOfMedian(ten, 0.02)).toBe(2);
  expect(lowerBoundOfMedian(ten, 0.06)).toBe(3);
  expect(lowerBoundOfMedian([1, 2, 3, 4, 5], 0.02)).toBeNull();
  expect(lowerBoundOfMedian([], 0.02)).toBeNull();
});

it('bounds the median on both sides', () => {
  expect(medianInterval([5, 2, 3, 4, 1], 0.035)).toEqual({ low: 1, high: 5 });
  expect(medianInterval([2, 3, 4, 1], 0.035)).toBeNull();
  const fifteen = Array.from({ length: 15 }, (_, index) => index - 7);
  expect(medianInterval(fifteen, 0.035)).toEqual({ low: -4, high: 4 });
});
