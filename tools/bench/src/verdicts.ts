import { findingOf, ratioFinding } from './finding.ts';
import type { Goal } from './goals.ts';
import type { RowSummary } from './samples.ts';
import type { TargetName } from './workloads.ts';

/**
 * What became of a goal. `refused`: it was measured, but on a machine that was not quiet enough to tell.
 * `out of reach`: nothing that was measured gets there on this machine, nor does Redis without a proxy; the best round of all is
 * `ceiling`.
 */
export type Verdict = {
  readonly goal: Goal;
} & (
  | {
      readonly outcome: 'met' | 'missed';
      readonly value: number;
      /** The limit lies where the value may surely be, so that further rounds could turn the verdict. */
      readonly isClose: boolean;
    }
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'out of reach'; readonly ceiling: number }
);

/** The verdicts on those goals whose rows were measured. */
export function judge(
  goals: readonly Goal[],
  rows: readonly RowSummary[],
  rounds: number,
): readonly Verdict[] {
  return goals.flatMap((goal): Verdict[] => {
    const { elsewhere } = goal;
    const ceiling = elsewhere === undefined ? null : ceilingOf(goal, rows);
    if (elsewhere === undefined || ceiling === null || ceiling >= goal.limit) {
      return judgeOne(goal, rows, rounds);
    }
    const { workload, metric, bound } = goal;
    return [
      { goal, outcome: 'out of reach', ceiling },
      ...judgeOne({ workload, metric, bound, ...elsewhere }, rows, rounds),
    ];
  });
}

function judgeOne(goal: Goal, rows: readonly RowSummary[], rounds: number): Verdict[] {
  const { metric, against, bound, limit } = goal;
  const own = findRow(goal, goal.of ?? 'undermoon', rows);
  const other = against === null ? null : findRow(goal, against, rows);
  if (own === undefined || other === undefined) return [];
  const { value, interval, doubt } =
    other === null ? findingOf(metric, own, rounds) : ratioFinding(metric, own, other, rounds);
  // Rounds that lie far apart still tell on which side of the limit they are when all that counts is there.
  const isSure = interval !== null && (limit < interval.low || limit > interval.high);
  if (doubt !== null && !isSure) return [{ goal, outcome: 'refused', reason: doubt }];
  const isMet = bound === 'at most' ? value <= limit : value >= limit;
  return [{ goal, outcome: isMet ? 'met' : 'missed', value, isClose: !isSure }];
}

/** The most that anything reached in any round; null when Redis without a proxy was not measured. */
function ceilingOf(
  { workload, placement = 'pinned', metric }: Goal,
  rows: readonly RowSummary[],
): number | null {
  const ofGoal = rows.filter((row) => row.workload === workload && row.placement === placement);
  if (!ofGoal.some(({ target }) => target === 'direct')) return null;
  return Math.max(...ofGoal.flatMap(({ figures }) => figures[metric]?.values ?? []));
}

/** 0: all goals that were measured, and could be reached here, are met. 1: some are missed. 3: none is missed, but some could not be told. */
export function exitCodeOf(verdicts: readonly Verdict[]): 0 | 1 | 3 {
  if (verdicts.some(({ outcome }) => outcome === 'missed')) return 1;
  return verdicts.some(({ outcome }) => outcome === 'refused') ? 3 : 0;
}

function findRow(
  { workload, placement = 'pinned' }: Goal,
  target: TargetName,
  rows: readonly RowSummary[],
): RowSummary | undefined {
  return rows.find(
    (row) => row.workload === workload && row.target === target && row.placement === placement,
  );
}
