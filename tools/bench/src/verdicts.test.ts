import { describe, expect, it } from 'vitest';
import type { Goal } from './goals.ts';
import { summarize, type Figures, type RowSummary } from './samples.ts';
import { exitCodeOf, judge } from './verdicts.ts';
import type { TargetName } from './workloads.ts';

const QUIET = { otherCores: 0.01, stealCores: 0, lateShare: 0 };
const BUSY = { otherCores: 0.9, stealCores: 0, lateShare: 0 };

const COST: Goal = {
  workload: 'get',
  metric: 'proxyCpuUs',
  against: 'nutcracker',
  bound: 'at most',
  limit: 1.05,
};
const CHURN: Goal = {
  workload: 'get',
  metric: 'rps',
  against: null,
  bound: 'at least',
  limit: 20_000,
};

function row(
  target: TargetName,
  figures: readonly Figures[],
  disturbedRounds = 0,
  failedCount = 0,
): RowSummary {
  return summarize({
    workload: 'get',
    placement: 'pinned',
    target,
    failedCount,
    samples: figures.map((one, round) => ({
      round,
      figures: one,
      disturbance: round < disturbedRounds ? BUSY : QUIET,
    })),
  });
}

const costs = (...values: readonly number[]): Figures[] => {
  return values.map((proxyCpuUs) => ({ proxyCpuUs }));
};

describe('judge', () => {
  it('judges a ratio where nothing reaches the limit, not even Redis itself', () => {
    const goal: Goal = { ...CHURN, elsewhere: { against: 'nutcracker', limit: 0.72 } };
    const rates = (...values: readonly number[]): Figures[] => values.map((rps) => ({ rps }));
    const proxies = [row('undermoon', rates(12_000)), row('nutcracker', rates(16_000))];
    const slow = [...proxies, row('direct', rates(17_000))];
    expect(judge([goal], slow, 1)).toEqual([
      { goal, outcome: 'out of reach', ceiling: 17_000 },
      {
        goal: { ...CHURN, against: 'nutcracker', limit: 0.72 },
        outcome: 'met',
        value: 0.75,
        isClose: true,
      },
    ]);
    expect(exitCodeOf(judge([goal], slow, 1))).toBe(0);
    // One round in which any of them reached it is enough for the goal to count.
    const fast = [row('undermoon', rates(12_000, 12_000)), row('direct', rates(17_000, 20_000))];
    expect(judge([goal], fast, 2)).toMatchObject([{ goal, outcome: 'missed', value: 12_000 }]);
    const fastOnce = [row('undermoon', rates(20_000, 19_000)), row('direct', rates(9000, 9000))];
    expect(judge([goal], fastOnce, 2)).toMatchObject([{ goal, outcome: 'missed', value: 19_500 }]);
    const fastAlways = [row('undermoon', rates(20_000, 20_001)), row('direct', rates(9000, 9000))];
    expect(judge([goal], fastAlways, 2)).toMatchObject([{ goal, outcome: 'met' }]);
    expect(judge([goal], proxies, 1)).toMatchObject([{ goal, outcome: 'missed' }]);
  });

  it('divides within rounds, so that a machine that changes its speed does not matter', () => {
    const rows = [row('undermoon', costs(7.7, 20, 7.6)), row('nutcracker', costs(7.5, 20, 7.5))];
    expect(judge([COST], rows, 3)).toEqual([
      { goal: COST, outcome: 'met', value: 7.6 / 7.5, isClose: true },
    ]);
  });

  it('tells a miss', () => {
    const rows = [row('undermoon', costs(8, 8, 8)), row('nutcracker', costs(7.5, 7.5, 7.5))];
    expect(judge([COST], rows, 3)).toMatchObject([{ outcome: 'missed' }]);
    const slow = row('undermoon', [{ rps: 19_999 }]);
    expect(judge([CHURN], [slow], 1)).toMatchObject([{ outcome: 'missed', value: 19_999 }]);
    const fast = row('undermoon', [{ rps: 20_000 }]);
    expect(judge([CHURN], [fast], 1)).toMatchObject([{ outcome: 'met' }]);
  });

  it('gives no verdict when rows were not quiet in the same rounds', () => {
    const rows = [
      row('undermoon', costs(7.5, 7.5, 7.5)),
      row('nutcracker', costs(7.5, 7.5, 7.5, 7.5, 7.5), 2),
    ];
    expect(judge([COST], rows, 3)).toMatchObject([
      { outcome: 'refused', reason: 'both were undisturbed in 1 rounds only' },
    ]);
  });

  it('gives no verdict when either row had too few quiet samples', () => {
    const rows = [
      row('undermoon', costs(7.5, 7.5, 7.5)),
      row('nutcracker', costs(7.5, 7.5, 7.5, 7.5), 2),
    ];
    expect(judge([COST], rows, 3)).toMatchObject([
      { outcome: 'refused', reason: 'nutcracker disturbed in 2 of 4 samples' },
    ]);
    expect(judge([COST], rows, 1)).toMatchObject([{ outcome: 'met' }]);
  });

  it('gives no verdict when too many loads failed', () => {
    const own = row('undermoon', [{ rps: 30_000 }], 0, 1);
    expect(judge([CHURN], [own], 1)).toMatchObject([{ outcome: 'met' }]);
    expect(judge([CHURN], [own], 2)).toMatchObject([
      { outcome: 'refused', reason: 'undermoon disturbed in 0, failed in 1 of 2 samples' },
    ]);
    expect(judge([CHURN], [row('undermoon', [], 0, 2)], 1)).toMatchObject([{ outcome: 'refused' }]);
  });

  it('gives no verdict when rounds differ too much', () => {
    const rows = [row('undermoon', costs(6, 7.5, 9)), row('nutcracker', costs(7.5, 7.5, 7.5))];
    expect(judge([COST], rows, 3)).toMatchObject([
      { outcome: 'refused', reason: 'its rounds lie 40 % apart, over 15 %' },
    ]);
  });

  it('gives a verdict on rounds that differ much when all of them are on one side of the limit', () => {
    const others = row('nutcracker', costs(10, 10, 10, 10, 10));
    const cheap = row('undermoon', costs(4, 6, 8, 9, 10));
    expect(judge([COST], [cheap, others], 5)).toMatchObject([{ outcome: 'met', value: 0.8 }]);
    const dear = row('undermoon', costs(11, 12, 13, 14, 20));
    expect(judge([COST], [dear, others], 5)).toMatchObject([{ outcome: 'missed', value: 1.3 }]);
    const both = row('undermoon', costs(4, 6, 8, 9, 11));
    expect(judge([COST], [both, others], 5)).toMatchObject([{ outcome: 'refused' }]);
  });

  it('lets one round of many be far off', () => {
    const most = Array.from({ length: 11 }, (_, round) => (round === 3 ? 30 : 10));
    const rows = [
      row('undermoon', costs(...most)),
      row('nutcracker', costs(...most.map(() => 10))),
    ];
    expect(judge([COST], rows, 11)).toMatchObject([{ outcome: 'met', value: 1 }]);
  });

  it('leaves out goals that were not measured, and rows that were not pinned', () => {
    const own = row('undermoon', costs(7.5));
    expect(judge([COST], [own], 1)).toEqual([]);
    const free = { ...row('nutcracker', costs(7.5)), placement: 'free' as const };
    expect(judge([COST], [own, free], 1)).toEqual([]);
  });
});

describe('summarize', () => {
  it('counts quiet samples only, as long as there are any', () => {
    expect(row('undermoon', costs(20, 7, 8, 9), 1)).toMatchObject({
      figures: { proxyCpuUs: { median: 8, values: [7, 8, 9] } },
      cleanCount: 3,
      disturbedCount: 1,
      otherCoresMax: 0.9,
    });
    expect(row('undermoon', costs(20, 30), 2).figures.proxyCpuUs?.median).toBe(25);
  });
});

describe('exitCodeOf', () => {
  const met = { goal: COST, outcome: 'met', value: 1, isClose: false } as const;
  const missed = { goal: COST, outcome: 'missed', value: 2, isClose: false } as const;
  const refused = { goal: COST, outcome: 'refused', reason: '' } as const;

  it('puts a miss before a doubt before success', () => {
    expect(exitCodeOf([])).toBe(0);
    expect(exitCodeOf([met])).toBe(0);
    expect(exitCodeOf([met, refused])).toBe(3);
    expect(exitCodeOf([refused, missed, met])).toBe(1);
  });
});
