import { parseArgs } from 'node:util';
import {
  chooseSeed,
  numberArgument,
  parseToolArguments,
  refuseArguments,
} from '@undermoon/testkit';
import { runSoak, type SoakOptions } from './soak-run.ts';

const USAGE = 'usage: soak [--minutes N] [--seed S] [--client ioredis|node-redis] [--port P]';

const { values } = parseToolArguments(USAGE, (args) =>
  parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string', default: String(chooseSeed(process.env['E2E_SEED'])) },
      client: { type: 'string', default: 'ioredis' },
      port: { type: 'string', default: '26650' },
    },
  }),
);

const minutes = numberArgument(USAGE, 'minutes', values.minutes, { isWhole: false, min: 0 });
const seed = numberArgument(USAGE, 'seed', values.seed, { isWhole: true, min: 0 });
const client = clientOf(values.client);
const port = numberArgument(USAGE, 'port', values.port, { isWhole: true, min: 1 });

const startedAt = performance.now();
const note = (line: string): void => console.info(line);
note(`${minutes} minutes with ${client}; to repeat the faults: --seed ${seed}`);
const result = await runSoak({
  seed,
  port,
  client,
  hasMore: () => performance.now() - startedAt < minutes * 60_000,
  note,
});
note(JSON.stringify(result));

function clientOf(text: string): SoakOptions['client'] {
  if (text === 'ioredis' || text === 'node-redis') return text;
  return refuseArguments(
    USAGE,
    `--client: expected ioredis or node-redis, got ${JSON.stringify(text)}`,
  );
}
