import { expect, it } from 'vitest';
import { GROWTH_BYTES_MAX, type AllocationLoad } from './allocation-loads.ts';
import { judgeAllocation } from './allocation-verdict.ts';

const load: AllocationLoad = {
  name: 'get',
  part: { connections: 50, pipeline: 16, words: ['GET', 'k'], isKeptAlive: true },
  requests: 1000,
  bounds: { turnBytesMax: 500, requestBytesMax: 10 },
};
const row = { load, requests: 1000, turns: 20, scavenges: 1, growthBytes: 0, sites: [] };

it('allows bytes for turns and for requests', () => {
  const { allocatedBytesMax, faults } = judgeAllocation({ ...row, allocatedBytes: 20_000 });
  expect(allocatedBytesMax).toBe(20_000);
  expect(faults).toEqual([]);
});

it('names what is too much', () => {
  const verdict = judgeAllocation({
    ...row,
    allocatedBytes: 20_100,
    growthBytes: GROWTH_BYTES_MAX + 1024,
  });
  expect(verdict.faults).toEqual([
    'allocates 20.1 B per request, not at most 20.0',
    'keeps 257 KiB more, not at most 256',
  ]);
});
