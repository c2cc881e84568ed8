import { describe, expect, it } from 'vitest';
import { GOALS } from './goals.ts';
import { select } from './run-proxy.ts';
import { named, workloads } from './workloads.ts';

describe('workloads', () => {
  const all = workloads();

  it('have names of their own', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  it('let every goal be judged, by a quick run too', () => {
    const quick = select({ isQuick: true, only: [] });
    for (const { workload, against, of = 'undermoon', placement = 'pinned' } of GOALS) {
      const found = quick.find(({ name }) => name === workload);
      expect(found?.placements, workload).toContain(placement);
      expect(found?.targets, workload).toContain(of);
      if (against !== null) expect(found?.targets, workload).toContain(against);
    }
  });

  it('are chosen by name, or by how names begin', () => {
    const namesOf = (...names: readonly string[]): string[] =>
      named(all, names).map(({ name }) => name);
    expect(namesOf('get-64-c50-p1')).toEqual(['get-64-c50-p1']);
    expect(namesOf('mget', 'idle')).toEqual(['mget-10-c50-p1', 'idle']);
    expect(namesOf('get-1k-c50')).toEqual(['get-1k-c50-p1', 'get-1k-c50-p16', 'get-1k-c50-p32']);
    expect(() => namesOf('gett')).toThrow('no workload gett; there are: get-64-c50-p1, ');
  });
});
