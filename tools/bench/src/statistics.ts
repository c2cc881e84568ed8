/** The middle value; the mean of the two middle ones of an even number. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  if (!Number.isInteger(middle)) return upper;
  return ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** How far values lie apart: (max - min) / median. 0 of one value, NaN of none. */
export function spread(values: readonly number[]): number {
  const range = Math.max(...values) - Math.min(...values);
  return range === 0 ? 0 : range / Math.abs(median(values));
}

/**
 * A bound below the median of whatever the values were drawn from, which it exceeds with at most this
 * probability. It is one of the values: how far up it may be taken follows from the sign test alone, so nothing
 * is assumed about the distribution. Null when there are too few values for any bound.
 */
export function lowerBoundOfMedian(
  values: readonly number[],
  errorProbability: number,
): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  let term = 0.5 ** count;
  let cumulated = term;
  let index = -1;
  while (cumulated <= errorProbability && index + 1 < count) {
    index += 1;
    term *= (count - index) / (index + 1);
    cumulated += term;
  }
  return index === -1 ? null : (sorted[index] ?? null);
}

/** Two of some values between which the median of whatever they were drawn from lies. */
export interface MedianInterval {
  readonly low: number;
  readonly high: number;
}

/**
 * The interval of `lowerBoundOfMedian` and its counterpart from above, each exceeded with at most the given probability;
 * null when there are too few values.
 */
export function medianInterval(
  values: readonly number[],
  errorProbability: number,
): MedianInterval | null {
  const low = lowerBoundOfMedian(values, errorProbability);
  const mirrored = values.map((value) => -value);
  const high = lowerBoundOfMedian(mirrored, errorProbability);
  return low === null || high === null ? null : { low, high: -high };
}
