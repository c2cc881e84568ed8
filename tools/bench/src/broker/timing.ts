import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';

/** What a number of calls took, in ms. */
export interface Timing {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function timingOf(samplesMs: readonly number[]): Timing {
  const sorted = samplesMs.toSorted((a, b) => a - b);
  const at = (share: number): number => {
    return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  };
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

/** Calls one after the other. */
export async function timeEach(
  count: number,
  work: (index: number) => Promise<void>,
): Promise<Timing> {
  const samples: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedAt = performance.now();
    await work(index);
    samples.push(performance.now() - startedAt);
  }
  return timingOf(samples);
}

const RECORD = Buffer.alloc(256, 'x');

/** What appending a record and syncing it takes on the disk of this folder. */
export function timeDiskSync(folder: string, count: number): Timing {
  const file = path.join(folder, 'sync-probe');
  const handle = openSync(file, 'a');
  const samples: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedAt = performance.now();
    writeSync(handle, RECORD);
    fdatasyncSync(handle);
    samples.push(performance.now() - startedAt);
  }
  closeSync(handle);
  rmSync(file);
  return timingOf(samples);
}
