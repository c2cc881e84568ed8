import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BenchCommand } from './command-line.ts';
import { GOALS } from './goals.ts';
import { describeMachine } from './machine.ts';
import type { Pace } from './measure.ts';
import { ensureNutcracker } from './nutcracker-program.ts';
import { benchmarksPage } from './page.ts';
import { printFailure, progressPrinter } from './progress.ts';
import type { ProxyReport } from './proxy-report.ts';
import { buildProxy, proxyFile, REPOSITORY } from './programs.ts';
import { KEY_COUNT } from './redis-benchmark.ts';
import { renderText } from './render.ts';
import { ratiosOf, sectionsOf } from './report.ts';
import { measureRounds } from './rounds.ts';
import { summarize } from './samples.ts';
import { exitCodeOf, judge, type Verdict } from './verdicts.ts';
import { readVersions } from './versions.ts';
import { named, workloads, type Workload } from './workloads.ts';

const PACE: Pace = { sampleMs: 1000, requests: null, rateWarmUpMs: 500, rateMs: 1000 };
const QUICK_PACE: Pace = { sampleMs: 600, requests: null, rateWarmUpMs: 500, rateMs: 500 };

const MAKE_UP_FACTOR = 2;

/** Runs `bench proxy` and returns its exit code. */
export async function runProxy(
  command: Extract<BenchCommand, { readonly kind: 'proxy' }>,
): Promise<number> {
  const { isQuick, rounds } = command;
  const selected = select(command);
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  const needsNutcracker = selected.some(({ targets }) => targets.includes('nutcracker'));
  const nutcracker = needsNutcracker
    ? ensureNutcracker(path.join(REPOSITORY, '.tools'), note)
    : null;
  if (command.isBuilt) note('building undermoon-proxy');
  const undermoon = command.isBuilt ? buildProxy(REPOSITORY) : proxyFile(REPOSITORY);
  const measured = await measureRounds({
    workloads: selected,
    rounds,
    makeUpRounds: rounds * MAKE_UP_FACTOR,
    saysTooLittle: (rows) => {
      const found = judge(GOALS, rows.map(summarize), rounds);
      return found.some((one) => one.outcome === 'refused' || ('isClose' in one && one.isClose));
    },
    pace: isQuick ? QUICK_PACE : PACE,
    programs: { undermoon, nutcracker, base: null },
    keyCount: KEY_COUNT,
    onProgress: progressPrinter(process.stderr),
    onFailure: printFailure,
  });
  const rows = measured.map(summarize);
  const verdicts = judge(GOALS, rows, rounds);
  const ratios = ratiosOf(rows, rounds);
  const sections = sectionsOf(selected, rows, { ratios, verdicts });
  const report: ProxyReport = {
    date: new Date().toISOString(),
    machine: describeMachine(),
    versions: readVersions(nutcracker),
    isQuick,
    rounds,
    rows,
    ratios,
    verdicts,
  };
  process.stdout.write(
    command.isJson ? `${JSON.stringify(report, null, 2)}\n` : renderText(sections),
  );
  if (command.isWritten) writePage(benchmarksPage(report, selected, sections));
  return tellOutcome(verdicts);
}

/** The workloads of a command. Throws when `--only` names none. */
export function select({
  isQuick,
  only,
}: {
  readonly isQuick: boolean;
  readonly only: readonly string[];
}): readonly Workload[] {
  const all = workloads();
  const chosen = only.length > 0 ? named(all, only) : all.filter((one) => one.isQuick || !isQuick);
  if (!isQuick) return chosen;
  // What decides on the goals: pinned where that is possible, and the targets that goals speak of.
  return chosen.map((workload) => ({
    ...workload,
    placements: workload.placements.includes('pinned') ? ['pinned'] : workload.placements,
    targets: workload.targets.filter((target) => target !== 'redis-cluster'),
  }));
}

function writePage(text: string): void {
  const file = path.join(REPOSITORY, 'docs', 'benchmarks.md');
  writeFileSync(file, text);
  execFileSync('pnpm', ['exec', 'oxfmt', file], { cwd: REPOSITORY, stdio: 'ignore' });
}

function tellOutcome(verdicts: readonly Verdict[]): number {
  const count = (outcome: Verdict['outcome']): number => {
    return verdicts.filter((verdict) => verdict.outcome === outcome).length;
  };
  const refused = count('refused');
  const outOfReach = count('out of reach');
  process.stderr.write(
    `${count('met')} goals met, ${count('missed')} missed` +
      (outOfReach === 0 ? '' : `, ${outOfReach} out of reach on this machine`) +
      (refused === 0
        ? '\n'
        : `, no verdict on ${refused}: the machine was disturbed or a load failed\n`),
  );
  return exitCodeOf(verdicts);
}
