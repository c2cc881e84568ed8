import type { SliceMeter, Slices } from '@undermoon/cluster-meta';

/** Numbers that are worked through in one go. */
const PART = 1024;

/**
 * Works through `[0, count)` in slices, part by part: a plain loop within a part is much faster than one that looks at
 * the meter after each number, in code that runs for the first time above all.
 */
export function* inParts(
  count: number,
  work: { readonly weightEach: number; readonly part: (from: number, to: number) => void },
  meter: SliceMeter,
): Slices<void> {
  for (let from = 0; from < count; from += PART) {
    const to = Math.min(count, from + PART);
    work.part(from, to);
    if (meter.isFullAfter((to - from) * work.weightEach)) yield;
  }
}
