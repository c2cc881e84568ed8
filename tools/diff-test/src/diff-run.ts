import { readCommandList } from './command-list.ts';
import { type Coverage, CoverageCounter } from './coverage.ts';
import { ProgramGenerator } from './generator.ts';
import { knownDifferencesAt } from './known-differences.ts';
import type { Port } from './port.ts';
import { type Batch, textOfProgram } from './program.ts';
import { type Difference, Runner } from './runner.ts';
import { startServers } from './servers.ts';
import { shrink } from './shrink.ts';

/** When a run ends and what it tells. */
export interface DiffRunOptions {
  readonly seed: number;
  readonly port: Port;
  readonly hasMore: (requests: number) => boolean;
  /** A run ends after so many differences. */
  readonly differencesMax: number;
  readonly note: (line: string) => void;
}

/** A difference with the shortest program found for it. */
export interface FoundDifference extends Difference {
  /** A run with this seed meets it in its first round. */
  readonly seed: number;
  readonly program: readonly string[];
}

/** The outcome of a run. */
export interface DiffResult {
  readonly seed: number;
  readonly rounds: number;
  readonly batches: number;
  readonly coverage: Coverage;
  /** How often each known difference was met. */
  readonly known: Readonly<Record<string, number>>;
  readonly differences: readonly FoundDifference[];
}

/** So that the way to a difference stays short; each round starts from nothing with a seed of its own. */
const BATCHES_PER_ROUND = 300;
const BATCHES_PER_DATA_CHECK = 25;
const SHRINK_TRIES_MAX = 200;

/** Runs random programs on both sides until `hasMore` says no. */
export async function runDiff(options: DiffRunOptions): Promise<DiffResult> {
  const list = readCommandList();
  const servers = await startServers(options.port);
  const runner = new Runner(servers.ours, servers.theirs, knownDifferencesAt(options.port));
  const coverage = new CoverageCounter(list);
  const known: Record<string, number> = {};
  const differences: FoundDifference[] = [];
  let rounds = 0;
  let batches = 0;
  const watcher = {
    onBatch(batch: Batch): void {
      coverage.add(batch);
      batches++;
    },
    onKnownDifference({ name }: { name: string }): void {
      known[name] = (known[name] ?? 0) + 1;
    },
  };
  const hasMore = (): boolean =>
    options.hasMore(coverage.requests) && differences.length < options.differencesMax;
  try {
    while (hasMore()) {
      const seed = options.seed + rounds++;
      const generator = new ProgramGenerator(seed, list, options.port);
      const sent: Batch[] = [];
      let found: Difference | null = null;
      await runner.reset();
      while (sent.length < BATCHES_PER_ROUND && found === null && hasMore()) {
        const batch = generator.nextBatch();
        sent.push(batch);
        found = await runner.runBatch(batch, watcher);
        if (sent.length % BATCHES_PER_DATA_CHECK === 0) found ??= await runner.compareData();
      }
      found ??= await runner.compareData();
      if (found === null) continue;
      const shortest = await shrink(
        sent,
        (program) => differsAlike(runner, program, found),
        SHRINK_TRIES_MAX,
      );
      const difference = { ...found, seed, program: textOfProgram(shortest) };
      differences.push(difference);
      options.note(textOfDifference(difference));
    }
  } finally {
    await servers.stop();
  }
  return { seed: options.seed, rounds, batches, coverage: coverage.result(), known, differences };
}

/** A difference as people read it. */
export function textOfDifference(difference: FoundDifference): string {
  return [
    `seed ${difference.seed}: ${difference.kind} differs at ${clipped(difference.at)}`,
    ...difference.program.slice(-PROGRAM_LINES_MAX).map((line) => `    ${line}`),
    `  ours:   ${clipped(difference.ours)}`,
    `  theirs: ${clipped(difference.theirs)}`,
  ].join('\n');
}

const PROGRAM_LINES_MAX = 60;
const LINE_CHARS_MAX = 1500;

function clipped(text: string): string {
  return text.length <= LINE_CHARS_MAX ? text : `${text.slice(0, LINE_CHARS_MAX)}…`;
}

async function differsAlike(
  runner: Runner,
  program: readonly Batch[],
  wanted: Difference,
): Promise<boolean> {
  await runner.reset();
  for (const batch of program) {
    const found = await runner.runBatch(batch);
    if (found !== null) return isAlike(found, wanted);
  }
  const found = wanted.kind === 'data' ? await runner.compareData() : null;
  return found !== null && isAlike(found, wanted);
}

/** Roughly the same: values and sizes may change when other requests are left out. */
function isAlike(a: Difference, b: Difference): boolean {
  if (a.kind !== b.kind) return false;
  return a.kind === 'data' || (isAlikeReply(a.ours, b.ours) && isAlikeReply(a.theirs, b.theirs));
}

const ALIKE_CHARS = 12;

function isAlikeReply(a: string, b: string): boolean {
  const length = a.startsWith('"-') ? ALIKE_CHARS : 2;
  return a.slice(0, length) === b.slice(0, length);
}
