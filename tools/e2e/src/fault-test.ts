import { findEtcd } from '@undermoon/testkit';
import { parseArgs } from 'node:util';
import { canMount, runDiskFaults } from './broker-faults/disk-faults.ts';
import { runEtcdFaults } from './broker-faults/etcd-faults.ts';
import { runFileFaults } from './broker-faults/file-faults.ts';
import { PROXY_VARIANTS, runProxyFaults } from './proxy-faults/proxy-faults.ts';
import { chooseSeed } from '@undermoon/testkit';

const USAGE =
  'usage: fault-test broker [--seed N] [--kills N] [--mutations N] [--etcd-rounds N] [--json]\n' +
  '       fault-test proxy [--seed N] [--minutes N] [--json]';

/** What a variant runs for before the next one has its turn. */
const ROUND_SECONDS_MIN = 5;
const ROUND_SECONDS_MAX = 60;

const { values, positionals } = parseArgs({
  // `pnpm fault-test -- broker` leaves the two dashes in.
  args: process.argv.slice(2).filter((word) => word !== '--'),
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: String(chooseSeed(process.env['E2E_SEED'])) },
    kills: { type: 'string', default: '200' },
    mutations: { type: 'string', default: '10000' },
    'etcd-rounds': { type: 'string', default: '24' },
    minutes: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
});

const seed = number(values.seed);
const kills = number(values.kills);
const mutations = number(values.mutations);
const rounds = number(values['etcd-rounds']);
const minutes = Number(values.minutes);
const [part = ''] = positionals;
const isKnown = ['broker', 'proxy'].includes(part) && positionals.length === 1 && minutes > 0;
if (!isKnown) throw new RangeError(USAGE);

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

function number(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(USAGE);
  return value;
}
