import { parseArgs } from 'node:util';
import { canMount, runDiskFaults } from './broker-faults/disk-faults.ts';
import { runEtcdFaults } from './broker-faults/etcd-faults.ts';
import { runFileFaults } from './broker-faults/file-faults.ts';
import { PROXY_VARIANTS, runProxyFaults } from './proxy-faults/proxy-faults.ts';
import {
  chooseSeed,
  findEtcd,
  numberArgument,
  parseToolArguments,
  refuseArguments,
} from '@undermoon/testkit';

const USAGE =
  'usage: fault-test broker [--seed N] [--kills N] [--mutations N] [--etcd-rounds N] [--json]\n' +
  '       fault-test proxy [--seed N] [--minutes N] [--json]';

/** What a variant runs for before the next one has its turn. */
const ROUND_SECONDS_MIN = 5;
const ROUND_SECONDS_MAX = 60;

const { values, positionals } = parseToolArguments(USAGE, (args) =>
  parseArgs({
    args,
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: String(chooseSeed(process.env['E2E_SEED'])) },
      kills: { type: 'string', default: '200' },
      mutations: { type: 'string', default: '10000' },
      'etcd-rounds': { type: 'string', default: '24' },
      minutes: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  }),
);

const whole = (name: string, text: string): number =>
  numberArgument(USAGE, name, text, { isWhole: true, min: 0 });
const seed = whole('seed', values.seed);
const kills = whole('kills', values.kills);
const mutations = whole('mutations', values.mutations);
const rounds = whole('etcd-rounds', values['etcd-rounds']);
const minutes = numberArgument(USAGE, 'minutes', values.minutes, { isWhole: false, min: 0 });
const [part = ''] = positionals;
if (!['broker', 'proxy'].includes(part) || positionals.length > 1) {
  refuseArguments(USAGE, 'what to test: broker or proxy');
}

const note = (line: string): void => {
  if (!values.json) console.info(line);
};
await (part === 'broker' ? testBroker() : testProxy());
// fetch keeps its connections.
process.exit(0);

async function testBroker(): Promise<void> {
  note(`broker faults; to repeat them: --seed ${seed}`);
  const file = kills === 0 ? null : await runFileFaults({ seed, kills, mutations, note });
  const disk = canMount() ? await runDiskFaults(seed) : 'skipped: only root can mount a small disk';
  const hasEtcd = findEtcd() !== null;
  const etcd = hasEtcd
    ? await runEtcdFaults({ seed, rounds, note })
    : 'skipped: there is no etcd in PATH or UNDERMOON_ETCD';
  console.info(JSON.stringify({ seed, file, disk, etcd }, null, values.json ? 0 : 2));
}

/** Each variant in turn, with seeds of its own, until the time is over. */
async function testProxy(): Promise<void> {
  note(`proxy faults; to repeat them: --seed ${seed}`);
  const secondsEach = (minutes * 60) / PROXY_VARIANTS.length;
  const roundCount = Math.ceil(secondsEach / ROUND_SECONDS_MAX);
  const seconds = Math.max(ROUND_SECONDS_MIN, secondsEach / roundCount);
  for (let round = 0; round < roundCount; round++) {
    for (const variant of PROXY_VARIANTS) {
      const result = await runProxyFaults({ seed: seed + round, variant, seconds });
      console.info(JSON.stringify({ seed: seed + round, ...result }));
      if (result.violations.length > 0) process.exit(1);
    }
  }
}
