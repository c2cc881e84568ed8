import type { Metric, RowSummary } from './samples.ts';
import { median, medianInterval, spread, type MedianInterval } from './statistics.ts';

/**
 * How probable it may be that the median of a machine without noise lies above what the rounds say, or below. With five
 * rounds, the interval is from the least to the greatest; with more, it leaves out as many as the sign test allows.
 */
const ERROR_PROBABILITY = 0.035;

/** How wide that interval may be before nothing is concluded from the median: (high - low) / median. */
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

/** A figure of a row, or its ratio to that of another row. */
export interface Finding {
  /** The median over the rounds; NaN of none. */
  readonly value: number;
  /** Where the value surely lies; null when there were too few undisturbed rounds to tell. */
  readonly interval: MedianInterval | null;
  /** Why it may be wrong; null when it can be relied on. */
  readonly doubt: string | null;
}

/** What a row says by itself. It needs as many undisturbed samples as there are rounds. */
export function findingOf(metric: Metric, row: RowSummary, rounds: number): Finding {
  const values = row.figures[metric]?.values ?? [];
  return findingIn(values, metric, row.cleanCount < rounds ? troublesOf(row) : null);
}

/**
 * What a row says about another one. The ratio is taken within each round, where both were measured one after
 * the other, so a machine that is faster in one round than in the next does not change it.
 */
export function ratioFinding(
  metric: Metric,
  own: RowSummary,
  other: RowSummary,
  rounds: number,
): Finding {
  const above = own.figures[metric];
  const below = other.figures[metric];
  const ofRound = new Map(below?.rounds.map((round, index) => [round, below.values[index]]));
  const ratios = (above?.values ?? []).flatMap((value, index) => {
    const divisor = ofRound.get(above?.rounds[index] ?? -1);
    return divisor === undefined ? [] : [value / divisor];
  });
  const lacking = [own, other].filter(({ cleanCount }) => cleanCount < rounds);
  const tooFew =
    lacking.length > 0
      ? lacking.map(troublesOf).join('; ')
      : ratios.length < rounds
        ? `both were undisturbed in ${ratios.length} rounds only`
        : null;
  return findingIn(ratios, metric, tooFew);
}

function findingIn(values: readonly number[], metric: Metric, tooFew: string | null): Finding {
  const value = median(values);
  if (tooFew !== null) return { value, interval: null, doubt: tooFew };
  const interval = medianInterval(values, ERROR_PROBABILITY);
  const found = spread(interval === null ? values : [interval.low, value, interval.high]);
  const isNarrow = found <= SPREAD_MAX[metric];
  const doubt = `its rounds lie ${percent(found)} apart, over ${percent(SPREAD_MAX[metric])}`;
  return { value, interval, doubt: isNarrow ? null : doubt };
}

function troublesOf(row: RowSummary): string {
  const { target, cleanCount, disturbedCount, failedCount, lateCount } = row;
  const troubles = [
    `disturbed in ${disturbedCount}`,
    ...(lateCount > 0 ? [`load generator late in ${lateCount}`] : []),
    ...(failedCount > 0 ? [`failed in ${failedCount}`] : []),
  ];
  return `${target} ${troubles.join(', ')} of ${cleanCount + disturbedCount + failedCount} samples`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
