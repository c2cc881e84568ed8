import { findingOf, ratioFinding } from './finding.ts';
import type { Goal } from './goals.ts';
import type { RowSummary } from './samples.ts';
import type { TargetName } from './workloads.ts';

/** What became of a goal. `refused`: it was measured, but on a machine that was not quiet enough to tell. */
export type Verdict = {
  readonly goal: Goal;
} & (
  | { readonly outcome: 'met' | 'missed'; readonly value: number }
  | { readonly outcome: 'refused'; readonly reason: string }
);

/** The verdicts on those goals whose rows were measured. */
export function judge(
  goals: readonly Goal[],
  rows: readonly RowSummary[],
  rounds: number,
): readonly Verdict[] {
  return goals.flatMap((goal): Verdict[] => {
    const { workload, metric, against, bound, limit } = goal;
    const own = findRow(workload, 'undermoon', rows);
    const other = against === null ? null : findRow(workload, against, rows);
    if (own === undefined || other === undefined) return [];
    const { value, doubt } =
      other === null ? findingOf(metric, own, rounds) : ratioFinding(metric, own, other, rounds);
    if (doubt !== null) return [{ goal, outcome: 'refused', reason: doubt }];
    const isMet = bound === 'at most' ? value <= limit : value >= limit;
    return [{ goal, outcome: isMet ? 'met' : 'missed', value }];
  });
}

/** 0: all goals that were measured are met. 1: some are missed. 3: none is missed, but some could not be told. */
export function exitCodeOf(verdicts: readonly Verdict[]): 0 | 1 | 3 {
  if (verdicts.some(({ outcome }) => outcome === 'missed')) return 1;
  return verdicts.some(({ outcome }) => outcome === 'refused') ? 3 : 0;
}

function findRow(
  workload: string,
  target: TargetName,
  rows: readonly RowSummary[],
): RowSummary | undefined {
  return rows.find(
    (row) => row.workload === workload && row.target === target && row.placement === 'pinned',
  );
}
