import { checkOut } from './base-checkout.ts';
import type { BenchCommand } from './command-line.ts';
import { compareExitCode, compareRows, type Comparison } from './comparison.ts';
import { describeMachine } from './machine.ts';
import type { Pace } from './measure.ts';
import { printFailure, progressPrinter } from './progress.ts';
import { buildProxy, proxyFile, REPOSITORY } from './programs.ts';
import { KEY_COUNT } from './redis-benchmark.ts';
import { renderText } from './render.ts';
import type { Section } from './report.ts';
import { measureRounds } from './rounds.ts';
import { summarize } from './samples.ts';
import { named, workloads, type Workload } from './workloads.ts';

// Enough for the second lowest (quick) or fourth lowest of all rounds to be a sure bound.
const ROUNDS = 15;
const QUICK_ROUNDS = 9;
const PACE: Pace = { sampleMs: 1000, requests: null, rateWarmUpMs: 500, rateMs: 1000 };
const QUICK_PACE: Pace = { ...PACE, sampleMs: 500 };
const USUAL = [
  'get-64-c50-p1',
  'set-64-c50-p1',
  'get-64-c50-p16',
  'set-64-c50-p16',
  'get-1k-c50-p16',
];

/** Runs `bench compare` and returns its exit code. */
export async function runCompare(
  command: Extract<BenchCommand, { readonly kind: 'compare' }>,
): Promise<number> {
  const { base, isQuick, isJson, isBuilt, only } = command;
  const selected = comparedWorkloads(only.length > 0 ? only : USUAL);
  const rounds = isQuick ? QUICK_ROUNDS : ROUNDS;
  process.stderr.write(`building undermoon-proxy of ${base}\n`);
  const checkout = checkOut(base);
  try {
    const rows = await measureRounds({
      workloads: selected,
      rounds,
      makeUpRounds: rounds,
      pace: isQuick ? QUICK_PACE : PACE,
      programs: {
        undermoon: isBuilt ? buildProxy(REPOSITORY) : proxyFile(REPOSITORY),
        base: buildProxy(checkout.folder),
        nutcracker: null,
      },
      keyCount: KEY_COUNT,
      onProgress: progressPrinter(process.stderr),
      onFailure: printFailure,
    });
    const comparisons = compareRows(rows);
    const report = { date: new Date().toISOString(), machine: describeMachine(), base, rounds };
    process.stdout.write(
      isJson
        ? `${JSON.stringify({ ...report, comparisons, rows: rows.map(summarize) }, null, 2)}\n`
        : renderText([comparisonSection(base, comparisons)]),
    );
    return compareExitCode(comparisons);
  } finally {
    checkout.remove();
  }
}

/** Workloads at full speed, for base and head. */
export function comparedWorkloads(names: readonly string[]): readonly Workload[] {
  const floods = workloads().filter(({ load }) => load.kind === 'flood');
  return named(floods, names).map((workload) => ({
    ...workload,
    targets: ['base', 'undermoon'],
    placements: ['pinned'],
  }));
}

/** A comparison as a table. */
export function comparisonSection(base: string, comparisons: readonly Comparison[]): Section {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  return {
    title: `Loss of this checkout against ${base} (negative: a gain)`,
    head: ['workload', 'figure', 'loss', 'at least', 'rounds', 'outcome'],
    rows: comparisons.map(({ workload, metric, loss, sureLoss, rounds, outcome }) => [
      workload,
      metric === 'rps' ? 'requests/s' : 'CPU per request',
      Number.isNaN(loss) ? '' : percent(loss),
      sureLoss === null ? '' : percent(sureLoss),
      `${rounds}`,
      outcome,
    ]),
  };
}
