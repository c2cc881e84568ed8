import { LatencyHistogram } from './latency-histogram.ts';
import { latencyFigures, type Measured } from './measure.ts';
import { METRICS } from './samples.ts';

/**
 * One sample of the slices that it was measured in, all of which took the same time: latencies are those of all
 * requests, other figures the means.
 */
export function joinSlices(slices: readonly Measured[]): Measured {
  const [first] = slices;
  if (first === undefined) throw new Error('a sample without slices');
  if (slices.length === 1) return first;
  const latencies = new LatencyHistogram();
  for (const slice of slices) {
    if (slice.latencies !== null) latencies.add(slice.latencies.toRecord());
  }
  const means = METRICS.flatMap((metric) => {
    const values = slices.flatMap(({ figures }) => figures[metric] ?? []);
    return values.length === 0 ? [] : [[metric, mean(values)] as const];
  });
  const meanOf = (key: keyof Measured['disturbance']): number =>
    mean(slices.map(({ disturbance }) => disturbance[key]));
  return {
    figures: { ...Object.fromEntries(means), ...latencyFigures(latencies) },
    disturbance: {
      otherCores: meanOf('otherCores'),
      stealCores: meanOf('stealCores'),
      lateShare: meanOf('lateShare'),
    },
    latencies,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
