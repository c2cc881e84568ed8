import type { BenchCommand } from '../command-line.ts';
import { describeMachine } from '../machine.ts';
import { buildProxy, proxyFile, REPOSITORY } from '../programs.ts';
import { KEY_COUNT } from '../redis-benchmark.ts';
import { renderText } from '../render.ts';
import type { Section } from '../report.ts';
import { ALLOCATION_LOADS, type AllocationLoad } from './allocation-loads.ts';
import { judgeAllocation, type AllocationVerdict } from './allocation-verdict.ts';
import { measureAllocation } from './measure-allocation.ts';

const QUICK_SHARE = 0.1;
const SITES_SHOWN = 12;

/** Runs `bench allocation` and returns its exit code: 1 when something is over its bound. */
export async function runAllocation(
  command: Extract<BenchCommand, { readonly kind: 'allocation' }>,
): Promise<number> {
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  if (command.isBuilt) note('building undermoon-proxy');
  const rows = await measureAllocation({
    program: command.isBuilt ? buildProxy(REPOSITORY) : proxyFile(REPOSITORY),
    loads: selectLoads(command.only),
    share: command.isQuick ? QUICK_SHARE : 1,
    hasSites: command.hasSites,
    keyCount: KEY_COUNT,
    onProgress: ({ name }) => note(name),
  });
  const verdicts = rows.map(judgeAllocation);
  const report = { date: new Date().toISOString(), machine: describeMachine(), verdicts };
  process.stdout.write(
    command.isJson ? `${JSON.stringify(report, null, 2)}\n` : renderText(sectionsOf(verdicts)),
  );
  for (const { row, faults } of verdicts) {
    for (const fault of faults) note(`${row.load.name}: ${fault}`);
  }
  return verdicts.some(({ faults }) => faults.length > 0) ? 1 : 0;
}

function selectLoads(only: readonly string[]): readonly AllocationLoad[] {
  if (only.length === 0) return ALLOCATION_LOADS;
  const chosen = ALLOCATION_LOADS.filter(({ name }) => only.some((one) => name.startsWith(one)));
  if (chosen.length > 0) return chosen;
  throw new Error(
    `no load ${only.join(', ')}; there are: ${ALLOCATION_LOADS.map(({ name }) => name).join(', ')}`,
  );
}

function sectionsOf(verdicts: readonly AllocationVerdict[]): readonly Section[] {
  const summary = {
    title: 'Allocations of the proxy',
    head: ['load', 'requests', 'B/request', 'at most', 'requests/turn', 'scavenges', 'kept KiB'],
    rows: verdicts.map(({ row, allocatedBytesMax }) => [
      row.load.name,
      row.requests.toLocaleString('en'),
      (row.allocatedBytes / row.requests).toFixed(1),
      (allocatedBytesMax / row.requests).toFixed(1),
      (row.requests / row.turns).toFixed(1),
      `${row.scavenges}`,
      (row.growthBytes / 1024).toFixed(1),
    ]),
  };
  const sites = verdicts
    .filter(({ row }) => row.sites.length > 0)
    .map(({ row }) => ({
      title: `Who allocates: ${row.load.name}`,
      head: ['B/request', 'caller > function'],
      rows: row.sites.slice(0, SITES_SHOWN).map(([site, bytes]) => [bytes.toFixed(2), site]),
    }));
  return [summary, ...sites];
}
