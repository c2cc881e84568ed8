import { isDisturbed } from './disturbance.ts';
import { BenchError } from './errors.ts';
import { Fixture, type Programs } from './fixture.ts';
import { coresOf } from './machine.ts';
import { measure, warmUp, type MeasureContext, type Pace } from './measure.ts';
import type { Row, Sample } from './samples.ts';
import type { Placement, TargetName, Workload } from './workloads.ts';

export interface RoundsPlan {
  readonly workloads: readonly Workload[];
  readonly rounds: number;
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

/** A sample that was disturbed or failed is taken once more at once. */
const ATTEMPTS_MAX = 2;

/**
 * Measures every row once per round: all targets of a workload one after the other, beginning with another one
 * each time, so that whatever changes over minutes falls on all of them alike. Each round has new processes.
 */
export async function measureRounds(plan: RoundsPlan): Promise<readonly Row[]> {
  const samples = new Map<string, Sample[]>();
  const failedCounts = new Map<string, number>();
  const rows = rowsOf(plan.workloads);
  let done = 0;
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const placement of ['pinned', 'free'] as const) {
      const workloads = plan.workloads.filter(({ placements }) => placements.includes(placement));
      if (workloads.length === 0) continue;
      await withFixture(plan, placement, workloads, async (context) => {
        for (const [workload, target] of turns(workloads, round)) {
          const name = rowName({ workload: workload.name, placement, target });
          plan.onProgress({ round, done, total: rows.length * plan.rounds, name });
          const list = samples.get(name) ?? [];
          samples.set(name, list);
          const onFailure = (error: BenchError): void => {
            plan.onFailure(name, error);
            failedCounts.set(name, (failedCounts.get(name) ?? 0) + 1);
          };
          const taken = await sampleRow(workload, target, { ...context, onFailure });
          list.push(...taken.map((one) => ({ ...one, round })));
          done += 1;
        }
      });
    }
  }
  return rows.map((row) => {
    const name = rowName(row);
    return {
      ...row,
      samples: samples.get(name) ?? [],
      failedCount: failedCounts.get(name) ?? 0,
    };
  });
}

async function sampleRow(
  workload: Workload,
  target: TargetName,
  { onFailure, ...context }: MeasureContext & { onFailure: (error: BenchError) => void },
): Promise<Omit<Sample, 'round'>[]> {
  const samples: Omit<Sample, 'round'>[] = [];
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    try {
      const sample = await measure(workload, target, context);
      samples.push(sample);
      if (!isDisturbed(sample.disturbance)) break;
    } catch (error) {
      if (!(error instanceof BenchError) || error.code !== 'LOAD_FAILED') throw error;
      onFailure(error);
    }
  }
  return samples;
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

/** Every pair of a workload and a target, the targets in an order that goes round. */
function turns(workloads: readonly Workload[], round: number): [Workload, TargetName][] {
  return workloads.flatMap((workload, index) => {
    const { targets } = workload;
    return targets.map((_, position): [Workload, TargetName] => {
      const target = targets[(position + index + round) % targets.length];
      if (target === undefined) throw new Error(`${workload.name} has no targets`);
      return [workload, target];
    });
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
