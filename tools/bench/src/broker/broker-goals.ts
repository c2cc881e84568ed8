import type { BrokerFigures } from './broker-figures.ts';

/** One goal and whether it is met. */
export interface BrokerGoal {
  readonly name: string;
  readonly goal: string;
  readonly measured: string;
  readonly isMet: boolean;
}

const MIB = 1024 * 1024;

/** The goals for 2,000 proxies in 400 chunks on 200 hosts, in 20 clusters. */
export function judgeBroker({ sizes, push }: BrokerFigures): BrokerGoal[] {
  const main = sizes.find(({ size }) => size.proxies === 2000);
  const goals: BrokerGoal[] = [];
  const atMost = (name: string, measured: number, limit: number, unit: string): void => {
    const isMet = measured <= limit;
    goals.push({
      name,
      goal: `<= ${limit} ${unit}`,
      measured: `${measured.toFixed(1)} ${unit}`,
      isMet,
    });
  };
  if (main !== undefined) {
    atMost('create a cluster, p99', main.create.p99Ms, 10, 'ms');
    atMost('fail over, p99', main.failover.p99Ms, 10, 'ms');
    goals.push({
      name: 'GET proxies/meta',
      goal: '>= 5000/s',
      measured: `${Math.round(main.readsPerSecond)}/s`,
      isMet: main.readsPerSecond >= 5000,
    });
    atMost('resource check, p99', main.resourceCheck.p99Ms, 20, 'ms');
    atMost('start from disk', main.startMs, 1000, 'ms');
    atMost('memory', main.residentBytes / MIB, 250, 'MiB');
  }
  if (push !== null) atMost('mutation to proxies, p99', push.p99Ms, 100, 'ms');
  for (const [from, to] of TENFOLDS) {
    for (const what of ['create', 'failover'] as const) {
      const growth = growthOf(sizes, what, [from, to]);
      if (growth !== null) atMost(`growth of ${what}, ${from} to ${to} proxies`, growth, 12, '×');
    }
  }
  return goals;
}

// Ten times as many proxies may cost ten times as much; what does not grow with them only helps.
function growthOf(
  sizes: BrokerFigures['sizes'],
  what: 'create' | 'failover',
  [from, to]: readonly [number, number],
): number | null {
  const find = (proxies: number) => sizes.find(({ size }) => size.proxies === proxies);
  const [small, large] = [find(from), find(to)];
  if (small === undefined || large === undefined) return null;
  return large[what].p50Ms / small[what].p50Ms;
}

const TENFOLDS = [
  [100, 1000],
  [1000, 10_000],
] as const;
