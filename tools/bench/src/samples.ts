import { isDisturbed, isLate, type Disturbance } from './disturbance.ts';
import { median, spread } from './statistics.ts';
import type { Placement, TargetName } from './workloads.ts';

/** What can be told of a row. Times of requests are CPU time of the process, latencies are of the client. */
export const METRICS = [
  'rps',
  'proxyCpuUs',
  'redisCpuUs',
  'p50Ms',
  'p99Ms',
  'p999Ms',
  'maxMs',
  'startMs',
  'proxyRssBytes',
  'redisRssBytes',
  'connectionBytes',
] as const;
export type Metric = (typeof METRICS)[number];
export type Figures = Readonly<Partial<Record<Metric, number>>>;

/** One measurement. */
export interface Sample {
  readonly round: number;
  readonly figures: Figures;
  readonly disturbance: Disturbance;
}

/** All measurements of one target under one workload. */
export interface Row {
  readonly workload: string;
  readonly placement: Placement;
  readonly target: TargetName;
  readonly samples: readonly Sample[];
  /** Samples that could not be taken. */
  readonly failedCount: number;
}

/** A figure over the rounds. */
export interface Figure {
  readonly median: number;
  /** (max - min) / median. */
  readonly spread: number;
  readonly values: readonly number[];
  /** The round of each value. */
  readonly rounds: readonly number[];
}

/** A row in one line. Figures are over the samples that were not disturbed, or over all when there are none. */
export interface RowSummary {
  readonly workload: string;
  readonly placement: Placement;
  readonly target: TargetName;
  readonly figures: Readonly<Partial<Record<Metric, Figure>>>;
  readonly cleanCount: number;
  readonly disturbedCount: number;
  readonly failedCount: number;
  /** Samples of a fixed rate that the load generator could not keep. */
  readonly lateCount: number;
  /** The most that others took of the machine during a sample, in cores. */
  readonly otherCoresMax: number;
}

/** Sums up what was measured of a row. */
export function summarize({ samples, ...key }: Row): RowSummary {
  const clean = samples.filter(({ disturbance }) => !isDisturbed(disturbance));
  const counted = clean.length > 0 ? clean : samples;
  const figures: Partial<Record<Metric, Figure>> = {};
  for (const metric of METRICS) {
    const having = counted.filter((sample) => sample.figures[metric] !== undefined);
    if (having.length === 0) continue;
    const values = having.flatMap((sample) => sample.figures[metric] ?? []);
    const rounds = having.map(({ round }) => round);
    figures[metric] = { median: median(values), spread: spread(values), values, rounds };
  }
  const others = samples.map(({ disturbance: { otherCores, stealCores } }) => {
    return otherCores + stealCores;
  });
  return {
    ...key,
    figures,
    cleanCount: clean.length,
    disturbedCount: samples.length - clean.length,
    lateCount: samples.filter(({ disturbance }) => isLate(disturbance)).length,
    otherCoresMax: Math.max(0, ...others),
  };
}
