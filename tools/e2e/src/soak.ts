import { parseArgs } from 'node:util';
import { chooseSeed } from '@undermoon/testkit';
import { runSoak, type SoakOptions } from './soak-run.ts';

const USAGE = 'usage: soak [--minutes N] [--seed S] [--client ioredis|node-redis] [--port P]';

const { values } = parseArgs({
  // `pnpm soak -- --minutes 5` leaves the two dashes in.
  args: process.argv.slice(2).filter((word) => word !== '--'),
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(chooseSeed(process.env['E2E_SEED'])) },
    client: { type: 'string', default: 'ioredis' },
    port: { type: 'string', default: '26650' },
  },
});

const minutes = Number(values.minutes);
const seed = Number(values.seed);
const port = Number(values.port);
if (!(minutes > 0) || !Number.isSafeInteger(seed) || !Number.isSafeInteger(port)) {
  throw new RangeError(USAGE);
}

const startedAt = performance.now();
const note = (line: string): void => console.info(line);
note(`${minutes} minutes with ${values.client}; to repeat the faults: --seed ${seed}`);
const result = await runSoak({
  seed,
  port,
  client: clientOf(values.client),
  hasMore: () => performance.now() - startedAt < minutes * 60_000,
  note,
});
note(JSON.stringify(result));

function clientOf(text: string): SoakOptions['client'] {
  if (text === 'ioredis' || text === 'node-redis') return text;
  throw new RangeError(USAGE);
}
