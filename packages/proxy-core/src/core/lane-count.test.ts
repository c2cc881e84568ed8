import { expect, test } from 'vitest';
import { LARGE_REQUEST_BYTES, MANY_WAITING, nextLanes, type Lanes } from './lane-count.ts';

const options = { usual: 2, large: 12 };

test.each([
  ['large requests take more lanes', 2, LARGE_REQUEST_BYTES, 1000, 12],
  ['small ones take them back', 4, 100, 1000, 2],
  ['between the two nothing changes', 4, 450, 1000, 4],
  ['between the two nothing changes, from below neither', 2, 450, 1000, 2],
  ['a few requests say nothing', 2, 1_000_000, 99, 2],
])('%s', (_, count, meanBytes, requests, expected) => {
  const period = { bytes: meanBytes * requests, requests, reads: requests / 10, waiting: 10 };
  expect(nextLanes({ count, waitingPeak: 0 }, period, options).count).toBe(expected);
});

test('large requests never have fewer lanes than small ones', () => {
  const period = { bytes: 1e6, requests: 1000, reads: 1000, waiting: 500 };
  const lanes = nextLanes({ count: 8, waitingPeak: 0 }, period, { usual: 8, large: 4 });
  expect(lanes.count).toBe(8);
});

test('large requests without a pipeline have no more lanes than those with', () => {
  const period = { bytes: 1e6, requests: 1000, reads: 1000, waiting: 50 };
  const lanes = nextLanes({ count: 2, waitingPeak: 0 }, period, { usual: 2, large: 3 });
  expect(lanes.count).toBe(3);
});

const single = { bytes: 50_000, requests: 1000, reads: 900 };

test.each([
  ['many clients that wait for single replies share one lane', single, MANY_WAITING, 1],
  ['fewer do not', single, MANY_WAITING - 1, 2],
  ['those that pipeline do not', { ...single, reads: 500 }, 800, 2],
  [
    'large requests without a pipeline take twice as many as small ones',
    { ...single, bytes: 600_000 },
    200,
    4,
  ],
])('%s', (_, seen, waiting, expected) => {
  const lanes = nextLanes({ count: 2, waitingPeak: 0 }, { ...seen, waiting }, options);
  expect(lanes.count).toBe(expected);
});

test('a quiet moment changes nothing, a quiet while does', () => {
  let lanes: Lanes = { count: 1, waitingPeak: 150 };
  const counts: number[] = [];
  for (let i = 0; i < 20; i++) {
    lanes = nextLanes(lanes, { ...single, waiting: 20 }, options);
    counts.push(lanes.count);
  }
  expect(counts.indexOf(2)).toBeGreaterThan(8);
  expect(counts.at(-1)).toBe(2);
  // A pause is no quiet while.
  const before = { count: 1, waitingPeak: 150 };
  const pause = { bytes: 0, requests: 0, reads: 0, waiting: 0 };
  expect(nextLanes(before, pause, options)).toEqual(before);
  // One that is just as long again is many only from the full number on.
  expect(nextLanes(lanes, { ...single, waiting: 60 }, options).count).toBe(2);
});
