import type { Comparison } from '../comparison.ts';
import type { Pace } from '../measure.ts';

/** One comparison of base and head. */
export interface Look {
  readonly rounds: number;
  /** At most so many more, for what was disturbed. */
  readonly makeUpRounds: number;
  readonly pace: Pace;
  /** How probable a "loss" may be where there is none, for each figure: see `compareRows`. */
  readonly errorProbability: number;
  /** No round begins later. */
  readonly limitMs: number;
}

const PACE: Pace = { sampleMs: 500, requests: null, rateWarmUpMs: 0, rateMs: 0 };

/** What the guard looks at. */
export const GUARDED: readonly string[] = ['get-64-c50-p1', 'get-64-c50-p16', 'set-64-c50-p16'];

/** For all workloads. */
export const FIRST_LOOK: Look = {
  rounds: 7,
  makeUpRounds: 5,
  pace: PACE,
  errorProbability: 0.01,
  limitMs: 90_000,
};

/** Only for the workloads that the first look found a loss in. */
export const SECOND_LOOK: Look = {
  rounds: 15,
  makeUpRounds: 5,
  pace: { ...PACE, sampleMs: 1000 },
  errorProbability: 0.01,
  limitMs: 180_000,
};

/** What the guard says in the end. */
export type GuardOutcome = 'no loss' | 'loss' | 'not judged';

/** The workloads to look at again. */
export function suspects(first: readonly Comparison[]): readonly string[] {
  const lost = first.filter(({ outcome }) => outcome === 'loss');
  return [...new Set(lost.map(({ workload }) => workload))];
}

/** The figures that both looks found lost. */
export function confirmed(
  first: readonly Comparison[],
  second: readonly Comparison[],
): readonly Comparison[] {
  const isLost = new Set(first.filter(({ outcome }) => outcome === 'loss').map(nameOf));
  return second.filter((one) => one.outcome === 'loss' && isLost.has(nameOf(one)));
}

/** A figure that the machine was too disturbed to tell does not fail the guard, nor does it pass for judged. */
export function outcomeOf(
  first: readonly Comparison[],
  second: readonly Comparison[],
): GuardOutcome {
  if (confirmed(first, second).length > 0) return 'loss';
  return [...first, ...second].some(({ outcome }) => outcome === 'unknown')
    ? 'not judged'
    : 'no loss';
}

function nameOf({ workload, metric }: Comparison): string {
  return `${workload} ${metric}`;
}
