import type { Goal } from './goals.ts';
import type { Figure, Metric, RowSummary } from './samples.ts';

/** How far the rounds of a figure may lie apart before nothing is concluded from it: (max - min) / median. */
const SPREAD_MAX: Readonly<Record<Metric, number>> = {
  rps: 0.2,
  proxyCpuUs: 0.15,
  redisCpuUs: 0.25,
  p50Ms: 0.3,
  // The tails hold a few events per sample, so they vary by nature.
  p99Ms: 0.6,
  p999Ms: 1.5,
  maxMs: 3,
  startMs: 0.5,
  proxyRssBytes: 0.3,
  redisRssBytes: 0.3,
  connectionBytes: 0.4,
};

/** What became of a goal. `refused`: it was measured, but on a machine that was not quiet enough to tell. */
export type Verdict = {
  readonly goal: Goal;
} & (
  | { readonly outcome: 'met' | 'missed'; readonly value: number }
  | { readonly outcome: 'refused'; readonly reason: string }
);

/** The verdicts on those goals that were measured. Each needs `rounds` undisturbed samples of its rows. */
export function judge(
  goals: readonly Goal[],
  rows: readonly RowSummary[],
  rounds: number,
): readonly Verdict[] {
  return goals.flatMap((goal): Verdict[] => {
    const own = findRow(goal.workload, 'undermoon', rows);
    const other = goal.against === null ? null : findRow(goal.workload, goal.against, rows);
    if (own === undefined || other === undefined) return [];
    const reason = [own, other]
      .flatMap((row) => (row === null ? [] : (doubtAbout(row, goal.metric, rounds) ?? [])))
      .join('; ');
    if (reason !== '') return [{ goal, outcome: 'refused', reason }];
    const value = valueOf(goal.metric, own, other);
    const isMet = goal.bound === 'at most' ? value <= goal.limit : value >= goal.limit;
    return [{ goal, outcome: isMet ? 'met' : 'missed', value }];
  });
}

/** 0: all goals that were measured are met. 1: some are missed. 3: none is missed, but some could not be told. */
export function exitCodeOf(verdicts: readonly Verdict[]): 0 | 1 | 3 {
  if (verdicts.some(({ outcome }) => outcome === 'missed')) return 1;
  return verdicts.some(({ outcome }) => outcome === 'refused') ? 3 : 0;
}

/** Why nothing can be concluded from a figure of a row; null when it can. */
export function doubtAbout(row: RowSummary, metric: Metric, rounds: number): string | null {
  if (row.cleanCount < rounds) return tooFew(row);
  const { spread } = figureOf(row, metric);
  if (spread <= SPREAD_MAX[metric]) return null;
  return `${row.target} varies by ${percent(spread)}, over ${percent(SPREAD_MAX[metric])}`;
}

function tooFew(row: RowSummary): string {
  const { target, cleanCount, disturbedCount, failedCount, lateCount } = row;
  const troubles = [
    `disturbed in ${disturbedCount}`,
    ...(lateCount > 0 ? [`load generator late in ${lateCount}`] : []),
    ...(failedCount > 0 ? [`failed in ${failedCount}`] : []),
  ];
  return `${target} ${troubles.join(', ')} of ${cleanCount + disturbedCount + failedCount} samples`;
}

function findRow(
  workload: string,
  target: string,
  rows: readonly RowSummary[],
): RowSummary | undefined {
  return rows.find(
    (row) => row.workload === workload && row.target === target && row.placement === 'pinned',
  );
}

function valueOf(metric: Metric, own: RowSummary, other: RowSummary | null): number {
  const value = figureOf(own, metric).median;
  return other === null ? value : value / figureOf(other, metric).median;
}

function figureOf(row: RowSummary, metric: Metric): Figure {
  const figure = row.figures[metric];
  if (figure === undefined) throw new Error(`${row.workload} has no ${metric}`);
  return figure;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
