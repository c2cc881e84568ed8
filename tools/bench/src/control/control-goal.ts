import { median } from '../statistics.ts';
import type { Stops } from './watched-proxy.ts';

/** Milliseconds that a turn of the loop may take for metadata, and for the answers that follow from it. */
const OWN_TURN_MS_MAX = 2;

/** All samples of one step. */
export interface StepStops {
  readonly document: string;
  readonly step: string;
  readonly here: readonly Stops[];
}

/** What is about metadata; INFO and COMMAND are not, and are measured for comparison. */
const GOAL_STEPS = /^(?:SETCLUSTER|CLUSTER |UMCTL INFO)/;
const CROWD_STEP = / of \d+ clients$/;

/**
 * The steps whose longest turn, by the median over the processes, is over the limit. To read what a crowd sends takes
 * longer than that whatever it asks for, so that may only add as much to what PING of as many clients takes.
 */
export function missedSteps(rows: readonly StepStops[]): readonly string[] {
  const pingMs = rows.filter(({ step }) => step.startsWith('PING of ')).map(ownMsOf);
  const crowdMsMax = OWN_TURN_MS_MAX + Math.max(0, ...pingMs);
  return rows
    .filter(({ step }) => GOAL_STEPS.test(step))
    .flatMap((row) => {
      const ownMs = ownMsOf(row);
      const limitMs = CROWD_STEP.test(row.step) ? crowdMsMax : OWN_TURN_MS_MAX;
      if (ownMs <= limitMs) return [];
      return [`${row.document}, ${row.step}: ${ownMs.toFixed(1)} ms, over ${limitMs.toFixed(1)}`];
    });
}

function ownMsOf({ here }: StepStops): number {
  return median(here.map(({ ownMs }) => ownMs));
}
