import { expect, test } from 'vitest';
import { missedSteps, type StepStops } from './control-goal.ts';

function row(step: string, ...ownMs: number[]): StepStops {
  const here = ownMs.map((ms) => ({ ownMs: ms, turnMs: 9, pingMs: 9, tookMs: 9 }));
  return { document: 'many proxies', step, here };
}

test('a step misses the goal by the median of its processes', () => {
  expect(missedSteps([row('SETCLUSTER', 1, 2, 9), row('CLUSTER SLOTS', 1, 1.5, 1.9)])).toEqual([]);
  expect(missedSteps([row('SETCLUSTER', 1, 2.2, 9), row('CLUSTER NODES', 1)])).toEqual([
    'many proxies, SETCLUSTER: 2.2 ms, over 2.0',
  ]);
});

test('what is not about metadata has no goal', () => {
  expect(missedSteps([row('INFO', 5), row('COMMAND', 5), row('', 5)])).toEqual([]);
});

test('a crowd may add 2 ms to what PING takes', () => {
  const crowd = 'CLUSTER SLOTS of 999 clients';
  expect(missedSteps([row('PING of 999 clients', 5), row(crowd, 4)])).toEqual([]);
  expect(missedSteps([row('PING of 999 clients', 3), row(crowd, 5)])).toEqual([]);
  expect(missedSteps([row('PING of 999 clients', 3), row(crowd, 5.1)])).toHaveLength(1);
});
