import { isDisturbed } from './disturbance.ts';
import { BenchError } from './errors.ts';
import { Fixture, type Programs } from './fixture.ts';
import { coresOf } from './machine.ts';
import { measure, warmUp, type Measured, type MeasureContext, type Pace } from './measure.ts';
import type { Row, Sample } from './samples.ts';
import { joinSlices } from './slices.ts';
import type { Placement, TargetName, Workload } from './workloads.ts';

export interface RoundsPlan {
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  /** At most so many more, for rows that lack undisturbed samples, and for those that say too little. */
  readonly makeUpRounds: number;
  /** Whether the samples of a workload and placement so far say too little; default: never. */
  readonly saysTooLittle?: (rows: readonly Row[]) => boolean;
  /** No round begins later than this after the first; default: no limit. */
  readonly limitMs?: number;
  readonly pace: Pace;
  readonly programs: Programs;
  readonly keyCount: number;
  /** Called before each sample. */
  readonly onProgress: (progress: Progress) => void;
  /** Called when a sample could not be taken. The run goes on, and the row lacks that sample. */
  readonly onFailure: (name: string, error: BenchError) => void;
}

/** What is about to be measured. */
export interface Progress {
  readonly round: number;
  readonly done: number;
  readonly total: number;
  readonly name: string;
}

/**
 * A sample at a fixed rate is measured in so many slices, those of all targets in turn: the stalls of the machine that make up
 * the slowest requests come in clusters, which then fall on all targets.
 */
const RATE_SLICES = 4;

/** What was measured of the rows so far, by their names. */
interface Collected {
  readonly samples: Map<string, Sample[]>;
  readonly failedCounts: Map<string, number>;
  done: number;
}

/**
 * Measures every row once per round: all targets of a workload one after the other, beginning with another one
 * each time, so that whatever changes over minutes falls on all of them alike. Each round has new processes.
 * More rounds make up for samples that were disturbed or failed, again with all targets of the workload.
 */
export async function measureRounds(plan: RoundsPlan): Promise<readonly Row[]> {
  const collected: Collected = { samples: new Map(), failedCounts: new Map(), done: 0 };
  const endsAt = performance.now() + (plan.limitMs ?? Infinity);
  for (let round = 0; round < plan.rounds + plan.makeUpRounds; round += 1) {
    if (round > 0 && performance.now() > endsAt) break;
    for (const placement of ['pinned', 'free'] as const) {
      const workloads = plan.workloads.filter(
        (workload) =>
          workload.placements.includes(placement) &&
          (round < plan.rounds ||
            isLacking(workload, placement, { plan, collected }) ||
            plan.saysTooLittle?.(rowsSoFar([workload], collected, placement)) === true),
      );
      if (workloads.length > 0)
        await measureRound({ plan, collected, round, placement, workloads });
    }
  }
  return rowsSoFar(plan.workloads, collected);
}

function rowsSoFar(
  workloads: readonly Workload[],
  { samples, failedCounts }: Collected,
  only: Placement | null = null,
): readonly Row[] {
  const rows = rowsOf(workloads).filter(({ placement }) => only === null || placement === only);
  return rows.map((row) => {
    const name = rowName(row);
    return { ...row, samples: samples.get(name) ?? [], failedCount: failedCounts.get(name) ?? 0 };
  });
}

interface RoundPart {
  readonly plan: RoundsPlan;
  readonly collected: Collected;
  readonly round: number;
  readonly placement: Placement;
  readonly workloads: readonly Workload[];
}

/** One round of one placement. */
async function measureRound(part: RoundPart): Promise<void> {
  const { plan, collected, round, placement, workloads } = part;
  const { samples, failedCounts } = collected;
  const plannedTurns = plan.workloads.reduce((sum, workload) => {
    return sum + turns([workload], round).length * workload.placements.length;
  }, 0);
  const slices = new Map<string, Measured[]>();
  await withFixture(plan, placement, workloads, async (context) => {
    const roundTurns = turns(workloads, round);
    for (const [index, [workload, target]] of roundTurns.entries()) {
      const name = rowName({ workload: workload.name, placement, target });
      // How many samples make-up rounds will have shows only as they come.
      const left = Math.max(plannedTurns * plan.rounds - collected.done, roundTurns.length - index);
      plan.onProgress({ round, done: collected.done, total: collected.done + left, name });
      try {
        const slice = await measure(workload, target, context);
        slices.set(name, [...(slices.get(name) ?? []), slice]);
      } catch (error) {
        if (!(error instanceof BenchError) || error.code !== 'LOAD_FAILED') throw error;
        plan.onFailure(name, error);
        failedCounts.set(name, (failedCounts.get(name) ?? 0) + 1);
      }
      collected.done += 1;
    }
  });
  for (const [name, ofSample] of slices) {
    samples.set(name, [...(samples.get(name) ?? []), { ...joinSlices(ofSample), round }]);
  }
}

/** Whether there are fewer rounds than planned in which no target of the workload was disturbed. */
function isLacking(
  { name, targets }: Workload,
  placement: Placement,
  { plan, collected }: Pick<RoundPart, 'plan' | 'collected'>,
): boolean {
  const cleanRounds = targets.map((target) => {
    const samples = collected.samples.get(rowName({ workload: name, placement, target })) ?? [];
    const clean = samples.filter(({ disturbance }) => !isDisturbed(disturbance));
    return new Set(clean.map(({ round }) => round));
  });
  const common = [...(cleanRounds[0] ?? [])].filter((round) =>
    cleanRounds.every((rounds) => rounds.has(round)),
  );
  return common.length < plan.rounds;
}

async function withFixture(
  plan: RoundsPlan,
  placement: Placement,
  workloads: readonly Workload[],
  work: (context: MeasureContext) => Promise<void>,
): Promise<void> {
  const { programs, keyCount, pace } = plan;
  const cores = coresOf(placement);
  const fixture = await Fixture.start({ programs, cores, workloads, keyCount });
  try {
    const context = { fixture, loadCores: cores.rest, pace };
    for (const [target, shards] of sharedEndpoints(workloads)) {
      await warmUp(fixture.endpoint(target, shards), context);
    }
    await work(context);
  } finally {
    await fixture.stop();
  }
}

/** Every pair of a workload and a target, as often as it has slices, the targets in an order that goes round. */
function turns(workloads: readonly Workload[], round: number): [Workload, TargetName][] {
  return workloads.flatMap((workload, index) => {
    const { targets, load } = workload;
    const sliceCount = load.kind === 'rate' ? RATE_SLICES : 1;
    return Array.from(
      { length: sliceCount * targets.length },
      (_, turn): [Workload, TargetName] => {
        const slice = Math.floor(turn / targets.length);
        const target = targets[(turn + slice + index + round) % targets.length];
        if (target === undefined) throw new Error(`${workload.name} has no targets`);
        return [workload, target];
      },
    );
  });
}

function sharedEndpoints(workloads: readonly Workload[]): [TargetName, 1 | 2][] {
  const pairs = workloads
    .filter(({ load }) => load.kind === 'flood' || load.kind === 'rate')
    .flatMap(({ targets, shards }) => {
      return targets.map((target): [TargetName, 1 | 2] => [target, shards]);
    });
  return [...new Map(pairs.map((pair) => [pair.join('/'), pair])).values()];
}

type RowKey = Omit<Row, 'samples' | 'failedCount'>;

function rowsOf(workloads: readonly Workload[]): readonly RowKey[] {
  return workloads.flatMap(({ name, placements, targets }) =>
    placements.flatMap((placement) =>
      targets.map((target) => ({ workload: name, placement, target })),
    ),
  );
}

function rowName({ workload, placement, target }: RowKey): string {
  return `${placement} ${workload} ${target}`;
}
