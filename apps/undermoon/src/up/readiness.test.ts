import { expect, it } from 'vitest';

import { waitUntilComplete } from './readiness.ts';

const LIVE = new AbortController().signal;

it('waits until nothing is missing', async () => {
  const left = [['a', 'b'], ['b'], []];
  await waitUntilComplete({
    missing: () => Promise.resolve(left.shift() ?? ['too late']),
    deadline: { at: Date.now() + 10_000, limitMs: 10_000, signal: LIVE },
    intervalMs: 1,
  });
  expect(left).toEqual([]);
});

it('names what is missing at the deadline', async () => {
  const missing = Array.from({ length: 12 }, (_, index) => `proxy ${index} does not answer`);
  const wait = waitUntilComplete({
    missing: () => Promise.resolve(missing),
    deadline: { at: 0, limitMs: 60_000, signal: LIVE },
  });
  await expect(wait).rejects.toMatchObject({ code: 'NOT_READY' });
  await expect(wait).rejects.toThrow(
    /^not ready after 60 s:\n {2}proxy 0 does not answer\n[^]*\n {2}proxy 9 does not answer\n {2}and 2 more$/,
  );
});

it('ends when the start is given up', async () => {
  const wait = waitUntilComplete({
    missing: () => Promise.resolve(['something']),
    deadline: { at: Date.now() + 60_000, limitMs: 60_000, signal: AbortSignal.abort() },
  });
  await expect(wait).rejects.toMatchObject({ code: 'INTERRUPTED' });
});
