import { expect, test } from 'vitest';
import { ACTIVE_CLIENTS_MIN } from './client-load.ts';
import { LARGE_REQUEST_BYTES, nextLaneCount } from './lane-count.ts';

const options = { usual: 2, large: 12 };

test.each([
  ['large requests take more lanes', 2, LARGE_REQUEST_BYTES, 1000, 12],
  ['small ones take them back', 4, 100, 1000, 2],
  ['between the two nothing changes', 4, 450, 1000, 4],
  ['between the two nothing changes, from below neither', 2, 450, 1000, 2],
  ['a few requests say nothing', 2, 1_000_000, 99, 2],
])('%s', (_, count, meanBytes, requests, expected) => {
  const bytes = meanBytes * requests;
  const period = { bytes, requests, reads: requests / 10, activeClients: 10 };
  expect(nextLaneCount(count, period, options)).toBe(expected);
});

test('large requests never have fewer lanes than small ones', () => {
  const period = { bytes: 1e6, requests: 1000, reads: 1000, activeClients: 500 };
  expect(nextLaneCount(8, period, { usual: 8, large: 4 })).toBe(8);
});

test('large requests without a pipeline have no more lanes than those with', () => {
  const period = { bytes: 1e6, requests: 1000, reads: 1000, activeClients: 10 };
  expect(nextLaneCount(2, period, { usual: 2, large: 3 })).toBe(3);
});

const single = { bytes: 50_000, requests: 1000, reads: 900 };

test.each([
  ['many clients that wait for single replies share one lane', single, ACTIVE_CLIENTS_MIN, 1],
  ['fewer do not', single, ACTIVE_CLIENTS_MIN - 1, 2],
  ['those that pipeline do not', { ...single, reads: 500 }, 800, 2],
  [
    'large requests without a pipeline take twice as many as small ones',
    { ...single, bytes: 600_000 },
    200,
    4,
  ],
])('%s', (_, seen, activeClients, expected) => {
  expect(nextLaneCount(2, { ...seen, activeClients }, options)).toBe(expected);
});

test('a break changes nothing', () => {
  const period = { bytes: 0, requests: 0, reads: 0, activeClients: 0 };
  expect(nextLaneCount(1, period, options)).toBe(1);
});
