// Logs of commands are replayed by the rules that wrote them. This test notices when the rules change: it carries
// out a fixed sequence of commands and compares the state with the one that this version of the rules leads to.
import { createHash } from 'node:crypto';
import { metaStoreToJson } from '@undermoon/broker-api';
import { expect, test } from 'vitest';
import { addProxyCommand, clusterName, CONTEXT, proxyAt } from '../../test/store-fixture.ts';
import { apply, APPLY_VERSION } from './apply.ts';
import type { StoreCommand } from './command.ts';
import { emptyStore } from './model.ts';

const STATE_OF_VERSION: Readonly<Record<number, string>> = {
  2: '9fadf817dec6db60',
};

test('rules that lead to another state have another APPLY_VERSION', () => {
  let state = emptyStore(false);
  let nowSeconds = CONTEXT.nowSeconds;
  for (const command of fixedCommands(1500)) {
    nowSeconds += 3;
    state = apply(state, command, { ...CONTEXT, failureQuorum: 2, nowSeconds }).state;
  }
  const digest = createHash('sha256')
    .update(JSON.stringify(metaStoreToJson(state)))
    .digest('hex');
  expect(
    digest.slice(0, 16),
    'the rules changed: raise APPLY_VERSION and add its state here (before a release: replace the state)',
  ).toBe(STATE_OF_VERSION[APPLY_VERSION]);
});

function fixedCommands(count: number): StoreCommand[] {
  let seed = 12_345;
  const int = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const cluster = () => clusterName(`c${int(3)}`);
  const makers: readonly (() => StoreCommand)[] = [
    () => addProxyCommand(1 + int(40), `h${int(9)}`),
    () => addProxyCommand(1 + int(40), `h${int(9)}`),
    () => addProxyCommand(1 + int(40), `h${int(9)}`),
    () => ({ kind: 'remove-proxy', address: proxyAt(1 + int(40)) }),
    () => ({ kind: 'create-cluster', name: cluster(), nodeNumber: 4 * (1 + int(2)) }),
    () => ({ kind: 'scale', name: cluster(), nodeNumber: 4 * (1 + int(4)) }),
    () => ({ kind: 'expand', name: cluster() }),
    () => ({ kind: 'balance', name: cluster() }),
    () => ({ kind: 'rebalance', name: cluster() }),
    () => ({ kind: 'failover', address: proxyAt(1 + int(40)) }),
    () => ({ kind: 'report-failure', address: proxyAt(1 + int(40)), reporterId: `r${int(3)}` }),
    () => ({ kind: 'purge-failures' }),
  ];
  return Array.from({ length: count }, () => makers[int(makers.length)]!());
}
