import { parseArgs } from 'node:util';
import { chooseSeed } from '@undermoon/testkit';
import { type DiffResult, runDiff } from './diff-run.ts';

const USAGE =
  'usage: diff-test [--seed N] [--minutes M | --commands N] [--differences N] [--plain] [--json]';

const { values } = parseArgs({
  // `pnpm diff-test -- --seed 1` leaves the two dashes in.
  args: process.argv.slice(2).filter((word) => word !== '--'),
  options: {
    seed: { type: 'string', default: String(chooseSeed(process.env['DIFF_SEED'])) },
    minutes: { type: 'string' },
    commands: { type: 'string' },
    differences: { type: 'string', default: '5' },
    plain: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const seed = Number(values.seed);
const minutes = Number(values.minutes ?? 1);
const commands = Number(values.commands ?? Number.POSITIVE_INFINITY);
const differencesMax = Number(values.differences);
const isBothGiven = values.minutes !== undefined && values.commands !== undefined;
if (
  !Number.isSafeInteger(seed) ||
  !(minutes > 0) ||
  !(commands > 0) ||
  !(differencesMax > 0) ||
  isBothGiven
) {
  throw new RangeError(USAGE);
}

const startedAt = performance.now();
const isInTime = (): boolean => performance.now() - startedAt < minutes * 60_000;
const result = await runDiff({
  seed,
  port: values.plain ? 'plain' : 'cluster',
  hasMore: (requests) => (values.commands === undefined ? isInTime() : requests < commands),
  differencesMax,
  note: (line) => console.error(line),
});
console.info(values.json ? JSON.stringify(result, null, 2) : summary(result));
process.exitCode = result.differences.length === 0 ? 0 : 1;

function summary({ coverage, differences, known, rounds, batches }: DiffResult): string {
  const percent = ((100 * coverage.covered) / coverage.supported).toFixed(1);
  return [
    `seed ${seed}: ${coverage.requests} requests in ${batches} batches and ${rounds} rounds, ${differences.length} differences`,
    `commands: ${coverage.covered} of ${coverage.supported} (${percent} %)`,
    ...Object.entries(coverage.byVerdict).map(
      ([verdict, counts]) => `  ${verdict}: ${counts.covered} of ${counts.supported}`,
    ),
    ...(coverage.missing.length > 0 ? [`not covered: ${coverage.missing.join(' ')}`] : []),
    ...Object.entries(known).map(([name, count]) => `known difference, ${count} times: ${name}`),
  ].join('\n');
}
