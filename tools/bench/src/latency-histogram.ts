const SUB_BITS = 7;
const SUB_COUNT = 2 ** SUB_BITS;
const GROUPS = 26;

/** What a histogram carries from one process to another: [bucket, count] of all that are not empty. */
export interface HistogramRecord {
  readonly buckets: readonly (readonly [number, number])[];
  readonly maxUs: number;
}

/**
 * Counts latencies in buckets whose width grows with the value, so that every quantile is right to 1 % from
 * 1 µs up to an hour, in constant memory.
 *
 *     group 0         group 1           group 2
 *     | 0 .. 127 |    | 128 .. 255 |    | 256 .. 511 |  ...
 *      1 µs wide       1 µs wide         2 µs wide       128 buckets in each group
 */
export class LatencyHistogram {
  readonly #counts = new Float64Array(GROUPS * SUB_COUNT);
  #count = 0;
  #maxUs = 0;

  get count(): number {
    return this.#count;
  }

  get maxUs(): number {
    return this.#maxUs;
  }

  record(latencyUs: number): void {
    const index = bucketOf(latencyUs);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count += 1;
    if (latencyUs > this.#maxUs) this.#maxUs = latencyUs;
  }

  /** The latency that this share of all did not exceed, as the upper end of its bucket. NaN when empty. */
  quantileUs(share: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (const [index, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(upperEndOf(index), this.#maxUs);
    }
    return this.#maxUs;
  }

  add(record: HistogramRecord): void {
    for (const [index, count] of record.buckets) {
      this.#counts[index] = (this.#counts[index] ?? 0) + count;
      this.#count += count;
    }
    this.#maxUs = Math.max(this.#maxUs, record.maxUs);
  }

  toRecord(): HistogramRecord {
    const buckets = [...this.#counts.entries()].filter(([, count]) => count > 0);
    return { buckets, maxUs: this.#maxUs };
  }
}

function bucketOf(latencyUs: number): number {
  const value = Math.max(0, Math.floor(latencyUs));
  if (value < SUB_COUNT) return value;
  const group = Math.min(GROUPS - 1, Math.floor(Math.log2(value)) - SUB_BITS + 1);
  const position = Math.floor(value / 2 ** (group - 1)) - SUB_COUNT;
  return group * SUB_COUNT + Math.min(SUB_COUNT - 1, position);
}

function upperEndOf(index: number): number {
  if (index < SUB_COUNT) return index + 1;
  const group = Math.floor(index / SUB_COUNT);
  return (SUB_COUNT + (index % SUB_COUNT) + 1) * 2 ** (group - 1);
}
