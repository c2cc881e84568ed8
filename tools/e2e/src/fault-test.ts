import { findEtcd } from '@undermoon/testkit';
import { parseArgs } from 'node:util';
import { canMount, runDiskFaults } from './broker-faults/disk-faults.ts';
import { runEtcdFaults } from './broker-faults/etcd-faults.ts';
import { runFileFaults } from './broker-faults/file-faults.ts';
import { chooseSeed } from '@undermoon/testkit';

const USAGE =
  'usage: fault-test broker [--seed N] [--kills N] [--mutations N] [--etcd-rounds N] [--json]';

const { values, positionals } = parseArgs({
  // `pnpm fault-test -- broker` leaves the two dashes in.
  args: process.argv.slice(2).filter((word) => word !== '--'),
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: String(chooseSeed(process.env['E2E_SEED'])) },
    kills: { type: 'string', default: '200' },
    mutations: { type: 'string', default: '10000' },
    'etcd-rounds': { type: 'string', default: '24' },
    json: { type: 'boolean', default: false },
  },
});

const seed = number(values.seed);
const kills = number(values.kills);
const mutations = number(values.mutations);
const rounds = number(values['etcd-rounds']);
if (positionals.length !== 1 || positionals[0] !== 'broker') throw new RangeError(USAGE);

const note = (line: string): void => {
  if (!values.json) console.info(line);
};
note(`broker faults; to repeat them: --seed ${seed}`);
const file = kills === 0 ? null : await runFileFaults({ seed, kills, mutations, note });
const disk = canMount() ? await runDiskFaults(seed) : 'skipped: only root can mount a small disk';
const hasEtcd = findEtcd() !== null;
const etcd = hasEtcd
  ? await runEtcdFaults({ seed, rounds, note })
  : 'skipped: there is no etcd in PATH or UNDERMOON_ETCD';
console.info(JSON.stringify({ seed, file, disk, etcd }, null, values.json ? 0 : 2));
// fetch keeps its connections.
process.exit(0);

function number(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(USAGE);
  return value;
}
