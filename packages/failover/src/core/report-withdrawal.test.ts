import type { NodeAddress } from '@undermoon/cluster-meta';
import { expect, test } from 'vitest';
import { address } from '../../test/fixtures.ts';
import {
  keepWithdrawals,
  newWithdrawals,
  openWithdrawal,
  planWithdrawals,
  withdrawalDone,
} from './report-withdrawal.ts';
import { DEFAULT_SETTINGS } from './settings.ts';

test('so many reports are taken back at a time, the others as those are done', () => {
  const many = Array.from({ length: 5 }, (_, index) => address(`10.3.0.${index + 1}:6001`));
  const everyone = { isAlive: () => true, isReported: () => false };
  const settings = { ...DEFAULT_SETTINGS, reportsMax: 2 };
  let state = many.reduce((from, proxy) => openWithdrawal(from, proxy, 0), newWithdrawals());
  const asked: NodeAddress[] = [];
  while (state.open.size > 0) {
    const planned = planWithdrawals(state, settings, everyone, 0);
    expect(planned.effects.length).toBeGreaterThan(0);
    expect(planned.effects.length).toBeLessThanOrEqual(2);
    state = planned.state;
    for (const effect of planned.effects) {
      if (effect.kind !== 'withdraw-report') throw new Error(effect.kind);
      asked.push(effect.address);
      state = withdrawalDone(state, effect);
    }
  }
  expect(asked).toEqual(many);
});

test('a proxy that is not known any more is forgotten', () => {
  const [gone, kept] = [address('10.3.0.1:6001'), address('10.3.0.2:6001')];
  const state = openWithdrawal(openWithdrawal(newWithdrawals(), gone, 0), kept, 0);
  expect([...keepWithdrawals(state, new Set([kept])).open.keys()]).toEqual([kept]);
});
