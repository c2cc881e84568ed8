import { describe, expect, it } from 'vitest';
import { compareExitCode, compareRows } from './comparison.ts';
import type { Row } from './samples.ts';

/** One row of each side; a round is [base, head] µs per request, and disturbed when it says so. */
function rowsOf(rounds: readonly (readonly [number, number, 'disturbed'?])[]): Row[] {
  return (['base', 'undermoon'] as const).map((target, side) => ({
    workload: 'get',
    placement: 'pinned',
    target,
    failedCount: 0,
    samples: rounds.map(([base, head, note], round) => {
      const cost = side === 0 ? base : head;
      return {
        round,
        figures: { proxyCpuUs: cost, rps: 1e6 / cost },
        disturbance: {
          otherCores: note === 'disturbed' && side === 1 ? 1 : 0,
          stealCores: 0,
          lateShare: 0,
        },
      };
    }),
  }));
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe('compareRows', () => {
  it('finds a loss that shows in nearly all rounds, for both figures', () => {
    const rounds = times(9, (index): [number, number] => [10, index === 0 ? 9.9 : 10.6]);
    const found = compareRows(rowsOf(rounds));
    expect(found).toMatchObject([
      { metric: 'proxyCpuUs', outcome: 'loss', rounds: 9 },
      { metric: 'rps', outcome: 'loss' },
    ]);
    expect(found[0]?.loss).toBeCloseTo(0.06);
    expect(compareExitCode(found)).toBe(1);
  });

  it('takes noise for no loss, however large', () => {
    const rounds = times(9, (index): [number, number] => [10, index % 3 === 0 ? 8 : 13]);
    const found = compareRows(rowsOf(rounds));
    expect(found.map(({ outcome }) => outcome)).toEqual(['no loss', 'no loss']);
    expect(compareExitCode(found)).toBe(0);
  });

  it('lets a sure but small loss pass', () => {
    const rounds = times(9, (): [number, number] => [10, 10.2]);
    expect(compareRows(rowsOf(rounds))[0]).toMatchObject({ outcome: 'no loss' });
  });

  it('compares rounds, so that a drift of the machine is no loss', () => {
    const rounds = times(9, (index): [number, number] => [10 + index, 10.1 + index]);
    expect(compareRows(rowsOf(rounds))[0]).toMatchObject({ outcome: 'no loss' });
  });

  it('does not know when too few rounds were quiet', () => {
    const rounds = times(9, (index): [number, number, 'disturbed'?] => {
      return index < 4 ? [10, 20, 'disturbed'] : [10, 20];
    });
    const found = compareRows(rowsOf(rounds));
    expect(found[0]).toMatchObject({ outcome: 'unknown', sureLoss: null, rounds: 5 });
    expect(compareExitCode(found)).toBe(3);
  });
});
