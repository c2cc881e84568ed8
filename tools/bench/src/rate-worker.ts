// One process of the load generator: takes a RateJob as its argument, prints RateMessages.
import { writeSync } from 'node:fs';
import type { RateJob, RateMessage } from './rate-job.ts';
import { RateGenerator } from './rate-generator.ts';

const generator = new RateGenerator(JSON.parse(process.argv[2] ?? '{}') as RateJob, () =>
  print({ kind: 'measuring' }),
);
try {
  await generator.run();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
const { errors, lateCount, histogram } = generator;
print({ kind: 'done', errors, lateCount, histogram: histogram.toRecord() });
process.exit(0);

function print(message: RateMessage): void {
  writeSync(1, `${JSON.stringify(message)}\n`);
}
