import { coresOf, describeMachine, type Machine } from '../machine.ts';
import { buildApp, appFile, REPOSITORY } from '../programs.ts';
import { renderText } from '../render.ts';
import type { BrokerFigures } from './broker-figures.ts';
import { judgeBroker, type BrokerGoal } from './broker-goals.ts';
import { measurePush } from './measure-push.ts';
import { measureSize, type SizeFigures, type SizePace } from './measure-size.ts';
import type { Timing } from './timing.ts';

/** What `bench broker` is told. */
export interface BrokerCommand {
  readonly isJson: boolean;
  readonly isQuick: boolean;
  readonly isBuilt: boolean;
}

/** The whole of a run, as `--json` prints it. */
export interface BrokerReport extends BrokerFigures {
  readonly date: string;
  readonly machine: Machine;
  readonly isQuick: boolean;
  readonly goals: readonly BrokerGoal[];
}

const SIZES = [100, 1000, 2000, 5000, 10_000];
const QUICK_SIZES = [2000];
const PACE: SizePace = { mutations: 200, checks: 100, readsMs: 4000 };
const QUICK_PACE: SizePace = { mutations: 100, checks: 50, readsMs: 2000 };
const PUSHES = 200;
const QUICK_PUSHES = 60;

/** Runs `bench broker` and returns its exit code: 1 when a goal is missed. */
export async function runBroker({ isJson, isQuick, isBuilt }: BrokerCommand): Promise<number> {
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  const file = (name: string): string => {
    if (isBuilt) note(`building ${name}`);
    return isBuilt ? buildApp(REPOSITORY, name) : appFile(REPOSITORY, name);
  };
  const programs = {
    broker: file('undermoon-broker'),
    coordinator: file('undermoon-coordinator'),
    proxy: file('undermoon-proxy'),
  };
  const { rest: cores } = coresOf('free');
  const sizes: SizeFigures[] = [];
  for (const proxies of isQuick ? QUICK_SIZES : SIZES) {
    note(`${proxies} proxies`);
    const pace = isQuick ? QUICK_PACE : PACE;
    sizes.push(await measureSize({ program: programs.broker, cores, proxies, pace }));
  }
  note('from a mutation to the proxies');
  const push = await measurePush({ programs, cores, mutations: isQuick ? QUICK_PUSHES : PUSHES });
  const goals = judgeBroker({ sizes, push });
  const machine = describeMachine();
  const report: BrokerReport = {
    date: new Date().toISOString(),
    machine,
    isQuick,
    sizes,
    push,
    goals,
  };
  process.stdout.write(isJson ? `${JSON.stringify(report, null, 2)}\n` : textOf(report));
  return goals.every(({ isMet }) => isMet) ? 0 : 1;
}

const MIB = 1024 * 1024;

function textOf({ sizes, push, goals }: BrokerReport): string {
  const ms = (value: number): string => value.toFixed(2);
  const pair = ({ p50Ms, p99Ms }: Timing): string => `${ms(p50Ms)} / ${ms(p99Ms)}`;
  const head = [
    'proxies',
    'clusters',
    'create',
    'failover',
    'disk sync',
    'reads/s',
    'check',
    'start ms',
    'MiB',
  ];
  const rows = sizes.map((one) => [
    `${one.size.proxies}`,
    `${one.size.clusters}`,
    pair(one.create),
    pair(one.failover),
    pair(one.diskSync),
    `${Math.round(one.readsPerSecond)}`,
    pair(one.resourceCheck),
    `${Math.round(one.startMs)}`,
    `${Math.round(one.residentBytes / MIB)}`,
  ]);
  const pushRows =
    push === null ? [] : [[`${push.count}`, ms(push.p50Ms), ms(push.p99Ms), ms(push.maxMs)]];
  return renderText([
    { title: 'By size; times are p50 / p99 in ms, fsync included', head, rows },
    {
      title: 'From the answer to a mutation until all proxies of the cluster have it, in ms',
      head: ['mutations', 'p50', 'p99', 'max'],
      rows: pushRows,
    },
    {
      title: 'Goals, for 2,000 proxies in 400 chunks on 200 hosts and 20 clusters',
      head: ['what', 'goal', 'measured', ''],
      rows: goals.map(({ name, goal, measured, isMet }) => [
        name,
        goal,
        measured,
        isMet ? 'met' : 'missed',
      ]),
    },
  ]);
}
