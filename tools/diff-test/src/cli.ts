import { parseArgs } from 'node:util';
import {
  chooseSeed,
  numberArgument,
  parseToolArguments,
  refuseArguments,
} from '@undermoon/testkit';
import { type DiffResult, runDiff } from './diff-run.ts';

const USAGE =
  'usage: diff-test [--seed N] [--minutes M | --commands N] [--differences N] [--plain] [--json]';

const { values } = parseToolArguments(USAGE, (args) =>
  parseArgs({
    args,
    options: {
      seed: { type: 'string', default: String(chooseSeed(process.env['DIFF_SEED'])) },
      minutes: { type: 'string' },
      commands: { type: 'string' },
      differences: { type: 'string', default: '5' },
      plain: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  }),
);

const number = (name: string, text: string, isWhole = true): number =>
  numberArgument(USAGE, name, text, { isWhole, min: isWhole ? 1 : 0 });
if (values.minutes !== undefined && values.commands !== undefined) {
  refuseArguments(USAGE, '--minutes and --commands exclude each other');
}
const seed = numberArgument(USAGE, 'seed', values.seed, { isWhole: true, min: 0 });
const minutes = number('minutes', values.minutes ?? '1', false);
const commands =
  values.commands === undefined ? Number.POSITIVE_INFINITY : number('commands', values.commands);
const differencesMax = number('differences', values.differences);

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
