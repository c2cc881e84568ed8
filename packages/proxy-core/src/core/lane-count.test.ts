import { expect, test } from 'vitest';
import { LARGE_REQUEST_BYTES, nextLaneCount } from './lane-count.ts';

const options = { usual: 2, large: 12 };

test.each([
  ['large requests take more lanes', 2, LARGE_REQUEST_BYTES, 1000, 12],
  ['small ones take them back', 4, 100, 1000, 2],
  ['between the two nothing changes', 4, 450, 1000, 4],
  ['between the two nothing changes, from below neither', 2, 450, 1000, 2],
  ['a few requests say nothing', 2, 1_000_000, 99, 2],
])('%s', (_, count, meanBytes, requests, expected) => {
  const period = { bytes: meanBytes * requests, requests, reads: requests / 10, isCrowded: false };
  expect(nextLaneCount(count, period, options)).toBe(expected);
});

test('large requests never have fewer lanes than small ones', () => {
  const period = { bytes: 1e6, requests: 1000, reads: 1000, isCrowded: true };
  expect(nextLaneCount(8, period, { usual: 8, large: 4 })).toBe(8);
});

test('large requests without a pipeline have no more lanes than those with', () => {
  const period = { bytes: 1e6, requests: 1000, reads: 1000, isCrowded: false };
  expect(nextLaneCount(2, period, { usual: 2, large: 3 })).toBe(3);
});

const single = { bytes: 50_000, requests: 1000, reads: 900 };

test.each([
  ['many clients that wait for single replies share one lane', single, true, 1],
  ['fewer do not', single, false, 2],
  [
    'large requests without a pipeline take twice as many as small ones',
    { ...single, bytes: 600_000 },
    true,
    4,
  ],
])('%s', (_, seen, isCrowded, expected) => {
  expect(nextLaneCount(2, { ...seen, isCrowded }, options)).toBe(expected);
});

test('a break changes nothing', () => {
  const period = { bytes: 0, requests: 0, reads: 0, isCrowded: false };
  expect(nextLaneCount(1, period, options)).toBe(1);
});
