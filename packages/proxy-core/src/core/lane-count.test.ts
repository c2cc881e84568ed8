import { expect, test } from 'vitest';
import { LARGE_REQUEST_BYTES, nextLaneCount } from './lane-count.ts';

const options = { usual: 2, large: 4 };

test.each([
  ['large requests take more lanes', 2, LARGE_REQUEST_BYTES, 1000, 4],
  ['small ones take them back', 4, 100, 1000, 2],
  ['between the two nothing changes', 4, 450, 1000, 4],
  ['between the two nothing changes, from below neither', 2, 450, 1000, 2],
  ['a few requests say nothing', 2, 1_000_000, 99, 2],
])('%s', (_, current, meanBytes, requests, expected) => {
  expect(nextLaneCount(current, { bytes: meanBytes * requests, requests }, options)).toBe(expected);
});

test('large requests never have fewer lanes than small ones', () => {
  const period = { bytes: 1e6, requests: 1000 };
  expect(nextLaneCount(8, period, { usual: 8, large: 4 })).toBe(8);
});
