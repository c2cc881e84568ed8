import { GROWTH_BYTES_MAX } from './allocation-loads.ts';
import type { AllocationRow } from './measure-allocation.ts';

/** A row and what is wrong with it; nothing when `faults` is empty. */
export interface AllocationVerdict {
  readonly row: AllocationRow;
  readonly allocatedBytesMax: number;
  readonly faults: readonly string[];
}

/** Compares what was allocated with what may be. */
export function judgeAllocation(row: AllocationRow): AllocationVerdict {
  const { load, requests, turns, allocatedBytes, growthBytes } = row;
  const { turnBytesMax, requestBytesMax } = load.bounds;
  const allocatedBytesMax = turns * turnBytesMax + requests * requestBytesMax;
  const each = (bytes: number): string => (bytes / requests).toFixed(1);
  const faults = [
    ...(allocatedBytes > allocatedBytesMax
      ? [`allocates ${each(allocatedBytes)} B per request, not at most ${each(allocatedBytesMax)}`]
      : []),
    ...(growthBytes > GROWTH_BYTES_MAX
      ? [`keeps ${Math.round(growthBytes / 1024)} KiB more, not at most ${GROWTH_BYTES_MAX / 1024}`]
      : []),
  ];
  return { row, allocatedBytesMax, faults };
}
