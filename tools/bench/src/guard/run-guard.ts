import { checkOut } from '../base-checkout.ts';
import { compareRows, type Comparison } from '../comparison.ts';
import { findBenchmark, findInPath } from '../find-program.ts';
import { coresOf } from '../machine.ts';
import { printFailure } from '../progress.ts';
import { buildProxy, REPOSITORY } from '../programs.ts';
import { KEY_COUNT } from '../redis-benchmark.ts';
import { renderText } from '../render.ts';
import { measureRounds } from '../rounds.ts';
import { comparedWorkloads, comparisonSection } from '../run-compare.ts';
import { findBase } from './guard-base.ts';
import {
  confirmed,
  FIRST_LOOK,
  GUARDED,
  outcomeOf,
  SECOND_LOOK,
  suspects,
  type Look,
} from './guard-looks.ts';

/**
 * Runs `bench guard`: has this checkout become slower than the last published measurement? Returns 1 only for a
 * loss that two looks agree on; what cannot be judged is said and passes.
 */
export async function runGuard(): Promise<0 | 1> {
  const base = findBase(REPOSITORY, process.env['UNDERMOON_BENCH_BASE']);
  if (base.kind === 'none') return pass(`not judged: ${base.reason}`);
  const obstacle = findObstacle();
  if (obstacle !== null) return pass(`not judged: ${obstacle}`);
  const name = `${base.ref.slice(0, 10)}${base.isPublished ? ' (last published measurement)' : ''}`;
  const builds = build(base.ref);
  if (builds === null) return pass(`not judged: ${name} could not be built here`);
  try {
    const first = await look(FIRST_LOOK, GUARDED, builds);
    print(name, first);
    const again = suspects(first);
    const second = again.length === 0 ? [] : await look(SECOND_LOOK, again, builds);
    if (again.length > 0) print(`${name}, second look`, second);
    switch (outcomeOf(first, second)) {
      case 'no loss':
        return pass(`no loss against ${name}`);
      case 'not judged':
        return pass(
          `no loss is known against ${name}, but the machine was too disturbed to tell all`,
        );
      case 'loss':
        for (const { workload, metric } of confirmed(first, second)) {
          say(`lost against ${name}: ${metric} of ${workload}`);
        }
        return 1;
    }
  } finally {
    builds.remove();
  }
}

interface Builds {
  readonly head: string;
  readonly base: string;
  remove(): void;
}

/** What is missing to measure anything. */
function findObstacle(): string | null {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (findInPath('taskset') === null) return 'taskset is not in PATH (Debian: util-linux)';
  try {
    findBenchmark();
    coresOf('pinned');
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Null when the base does not build, for example without a network for its dependencies. */
function build(ref: string): Builds | null {
  const head = buildProxy(REPOSITORY);
  try {
    const checkout = checkOut(ref);
    try {
      const base = buildProxy(checkout.folder);
      return { head, base, remove: () => checkout.remove() };
    } catch (error) {
      checkout.remove();
      throw error;
    }
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return null;
  }
}

async function look(
  { rounds, makeUpRounds, pace, errorProbability, limitMs }: Look,
  names: readonly string[],
  { head, base }: Builds,
): Promise<readonly Comparison[]> {
  const rows = await measureRounds({
    workloads: comparedWorkloads(names),
    rounds,
    makeUpRounds,
    limitMs,
    pace,
    programs: { undermoon: head, base, nutcracker: null },
    keyCount: KEY_COUNT,
    onProgress: () => undefined,
    onFailure: printFailure,
  });
  return compareRows(rows, errorProbability);
}

function print(base: string, comparisons: readonly Comparison[]): void {
  process.stdout.write(renderText([comparisonSection(base, comparisons)]));
}

function pass(text: string): 0 {
  say(text);
  return 0;
}

function say(text: string): void {
  process.stdout.write(`speed of the proxy: ${text}\n`);
}
