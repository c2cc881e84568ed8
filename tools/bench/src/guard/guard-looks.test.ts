import { expect, it } from 'vitest';
import type { Comparison } from '../comparison.ts';
import { lowerBoundOfMedian } from '../statistics.ts';
import {
  confirmed,
  FIRST_LOOK,
  GUARDED,
  outcomeOf,
  SECOND_LOOK,
  suspects,
  type Look,
} from './guard-looks.ts';

function comparison(
  workload: string,
  metric: Comparison['metric'],
  outcome: Comparison['outcome'],
): Comparison {
  return { workload, metric, outcome, loss: 0, sureLoss: 0, rounds: 7 };
}

const cpu = comparison('get', 'proxyCpuUs', 'loss');
const rps = comparison('get', 'rps', 'no loss');
const other = comparison('set', 'rps', 'loss');

it('looks again at workloads with a loss', () => {
  expect(suspects([cpu, rps, other, comparison('mget', 'rps', 'unknown')])).toEqual(['get', 'set']);
});

it('fails for a loss that both looks found in the same figure', () => {
  expect(confirmed([cpu, other], [cpu, comparison('set', 'rps', 'no loss')])).toEqual([cpu]);
  expect(outcomeOf([cpu], [cpu])).toBe('loss');
  expect(outcomeOf([cpu, rps], [comparison('get', 'proxyCpuUs', 'no loss'), rps])).toBe('no loss');
  // Lost in the second look only: another figure than the one in doubt.
  expect(outcomeOf([cpu, rps], [rps, comparison('get', 'rps', 'loss')])).toBe('no loss');
});

it('passes without a judgement when the machine did not allow one', () => {
  expect(outcomeOf([rps, comparison('set', 'rps', 'unknown')], [])).toBe('not judged');
  expect(outcomeOf([cpu], [comparison('get', 'proxyCpuUs', 'unknown')])).toBe('not judged');
  expect(outcomeOf([cpu, comparison('set', 'rps', 'unknown')], [cpu])).toBe('loss');
});

/** The least probability with which all bounds of a look may be wrong: of how many values are on one side. */
function chanceOf({ rounds, errorProbability }: Look): number {
  const values = Array.from({ length: rounds }, (_, index) => index);
  const bound = lowerBoundOfMedian(values, errorProbability);
  expect(bound, `${rounds} rounds are enough for a bound`).not.toBeNull();
  let chance = 0;
  let ways = 1;
  for (let below = 0; below <= (bound ?? 0); below += 1) {
    chance += ways / 2 ** rounds;
    ways = (ways * (rounds - below)) / (below + 1);
  }
  return chance;
}

it('is failed by chance in fewer than 1 of 1000 runs', () => {
  const figures = GUARDED.length * 2;
  expect(figures * chanceOf(FIRST_LOOK) * chanceOf(SECOND_LOOK)).toBeLessThan(0.001);
});
