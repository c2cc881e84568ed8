import { isDisturbed } from './disturbance.ts';
import type { Metric, Row, Sample } from './samples.ts';
import { lowerBoundOfMedian, median } from './statistics.ts';

/** How much worse head is than base in one figure: 0.1 is 10 % more CPU, or 10 % fewer requests. */
export interface Comparison {
  readonly workload: string;
  readonly metric: Metric;
  /** The middle of the rounds. */
  readonly loss: number;
  /** What the loss surely is, given how the rounds vary; null when there are too few of them. */
  readonly sureLoss: number | null;
  readonly rounds: number;
  readonly outcome: 'no loss' | 'loss' | 'unknown';
}

/** Losses below are not worth a failed build, even when they are sure. */
const TOLERANCE: Readonly<Partial<Record<Metric, number>>> = { proxyCpuUs: 0.03, rps: 0.03 };

/** For each figure of a comparison that is looked at by a person. */
const ERROR_PROBABILITY = 0.02;

/**
 * Compares base and head round by round. A round's two samples were taken one after the other with new
 * processes, so what differs between rounds, that luck of the processes included, is the measured noise.
 *
 * `errorProbability`: how probable a "loss" may be where there is none, for each figure. The tolerance makes it
 * much less in practice: noise has to exceed it in the same direction in nearly all rounds.
 */
export function compareRows(
  rows: readonly Row[],
  errorProbability: number = ERROR_PROBABILITY,
): readonly Comparison[] {
  return rows
    .filter(({ target }) => target === 'undermoon')
    .flatMap((head) => {
      const base = rows.find((row) => row.target === 'base' && row.workload === head.workload);
      return (['proxyCpuUs', 'rps'] as const).map((metric) => {
        return compareRow(metric, head, base, errorProbability);
      });
    });
}

/** 0: nothing is lost. 1: something is. 3: nothing is known to be, but not all could be told. */
export function compareExitCode(comparisons: readonly Comparison[]): 0 | 1 | 3 {
  if (comparisons.some(({ outcome }) => outcome === 'loss')) return 1;
  return comparisons.some(({ outcome }) => outcome === 'unknown') ? 3 : 0;
}

function compareRow(
  metric: Metric,
  head: Row,
  base: Row | undefined,
  errorProbability: number,
): Comparison {
  const losses = cleanSamples(head).flatMap((sample) => {
    const partner = base === undefined ? [] : cleanSamples(base);
    const other = partner.find(({ round }) => round === sample.round)?.figures[metric];
    const own = sample.figures[metric];
    if (own === undefined || other === undefined) return [];
    return metric === 'rps' ? other / own - 1 : own / other - 1;
  });
  const sureLoss = lowerBoundOfMedian(losses, errorProbability);
  return {
    workload: head.workload,
    metric,
    loss: median(losses),
    sureLoss,
    rounds: losses.length,
    outcome:
      sureLoss === null ? 'unknown' : sureLoss > (TOLERANCE[metric] ?? 0) ? 'loss' : 'no loss',
  };
}

function cleanSamples({ samples }: Row): readonly Sample[] {
  return samples.filter(({ disturbance }) => !isDisturbed(disturbance));
}
