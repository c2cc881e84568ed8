import type { SliceMeter, Slices } from '@undermoon/cluster-meta';

/** Items sorted in one go. */
const RUN_LENGTH = 256;
/** What an item costs in a run, and in a merge, in items of a slice. */
const RUN_WEIGHT = 0.6;
const MERGE_WEIGHT = 0.2;

/** The items sorted by `compare`, equal ones in their order, in slices. */
export function* sortedSlices<T>(
  items: readonly T[],
  compare: (left: T, right: T) => number,
  meter: SliceMeter,
): Slices<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += RUN_LENGTH) {
    const run = items.slice(at, at + RUN_LENGTH).toSorted(compare);
    runs.push(run);
    if (meter.isFullAfter(run.length * RUN_WEIGHT)) yield;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      merged.push(yield* merge(runs[i] ?? [], runs[i + 1] ?? [], compare, meter));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (left: T, right: T) => number,
  meter: SliceMeter,
): Slices<T[]> {
  const merged: T[] = [];
  let next = 0;
  for (const item of left) {
    for (let other = right[next]; other !== undefined; other = right[next]) {
      if (compare(item, other) <= 0) break;
      merged.push(other);
      next += 1;
      if (meter.isFullAfter(MERGE_WEIGHT)) yield;
    }
    merged.push(item);
    if (meter.isFullAfter(MERGE_WEIGHT)) yield;
  }
  for (; next < right.length; next++) {
    const other = right[next];
    if (other !== undefined) merged.push(other);
    if (meter.isFullAfter(MERGE_WEIGHT)) yield;
  }
  return merged;
}
