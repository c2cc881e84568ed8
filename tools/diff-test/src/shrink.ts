import type { Batch, Unit } from './program.ts';

/** Runs a program from an empty start; true when it still shows the same difference. */
export type StillDiffers = (batches: readonly Batch[]) => Promise<boolean>;

/**
 * A shorter program with the same difference: fewer units first, then units that need no pipeline. Tries at
 * most `triesMax` programs.
 */
export async function shrink(
  batches: readonly Batch[],
  stillDiffers: StillDiffers,
  triesMax: number,
): Promise<readonly Batch[]> {
  let triesLeft = triesMax;
  const differs = async (candidate: readonly Batch[]): Promise<boolean> => {
    if (triesLeft === 0 || candidate.length === 0) return false;
    triesLeft--;
    return stillDiffers(candidate);
  };
  let best = await shortestTail(batches, differs);
  best = await withoutUnits(best, differs);
  const apart = best.flatMap(({ units, cutSeed }) =>
    units.map((unit) => ({ units: [unit], cutSeed })),
  );
  return apart.length > best.length && (await differs(apart)) ? apart : best;
}

/** Most differences need the last few batches only. */
async function shortestTail(
  batches: readonly Batch[],
  differs: StillDiffers,
): Promise<readonly Batch[]> {
  for (let count = 1; count < batches.length; count *= 4) {
    const tail = batches.slice(-count);
    if (await differs(tail)) return tail;
  }
  return batches;
}

/** Takes out ever smaller pieces. */
async function withoutUnits(
  batches: readonly Batch[],
  differs: StillDiffers,
): Promise<readonly Batch[]> {
  let best = batches;
  let size = Math.ceil(unitCount(best) / 2);
  for (;;) {
    let isShorter = false;
    for (let from = Math.max(0, unitCount(best) - size); ; from = Math.max(0, from - size)) {
      const candidate = without(best, from, from + size);
      if (unitCount(candidate) < unitCount(best) && (await differs(candidate))) {
        best = candidate;
        isShorter = true;
      }
      if (from === 0) break;
    }
    if (size > 1) size = Math.ceil(size / 2);
    else if (!isShorter) return best;
  }
}

function unitCount(batches: readonly Batch[]): number {
  return batches.reduce((sum, { units }) => sum + units.length, 0);
}

/** Without the units from `start` up to `end`, counted over all batches. */
function without(batches: readonly Batch[], start: number, end: number): Batch[] {
  let index = 0;
  return batches.flatMap(({ units, cutSeed }): Batch[] => {
    const kept: Unit[] = [];
    for (const unit of units) {
      if (index < start || index >= end) kept.push(unit);
      index++;
    }
    return kept.length === 0 ? [] : [{ units: kept, cutSeed }];
  });
}
