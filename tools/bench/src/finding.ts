import type { Metric, RowSummary } from './samples.ts';
import { median, spread } from './statistics.ts';

/** How far the rounds may lie apart before nothing is concluded from them: (max - min) / median. */
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
  /** Why it may be wrong; null when it can be relied on. */
  readonly doubt: string | null;
}

/** What a row says by itself. It needs as many undisturbed samples as there are rounds. */
export function findingOf(metric: Metric, row: RowSummary, rounds: number): Finding {
  const values = row.figures[metric]?.values ?? [];
  const tooFew = row.cleanCount < rounds ? troublesOf(row) : null;
  return { value: median(values), doubt: tooFew ?? tooWide(values, metric) };
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
  return {
    value: median(ratios),
    doubt:
      lacking.length > 0
        ? lacking.map(troublesOf).join('; ')
        : ratios.length < rounds
          ? `both were undisturbed in ${ratios.length} rounds only`
          : tooWide(ratios, metric),
  };
}

function tooWide(values: readonly number[], metric: Metric): string | null {
  const found = spread(values);
  if (found <= SPREAD_MAX[metric]) return null;
  return `its rounds lie ${percent(found)} apart, over ${percent(SPREAD_MAX[metric])}`;
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
