// What a replay leads to is what the live broker had: from any snapshot, through the text forms of states,
// commands and contexts.
import assert from 'node:assert/strict';
import { metaStoreToJson } from '@undermoon/broker-api';
import { parseMigrationTaskJson } from '@undermoon/cluster-meta';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addProxyCommand,
  clusterName,
  CONTEXT,
  DEMO,
  epoch,
  EXPANDING_DUMP,
  proxyAt,
} from '../../../test/store-fixture.ts';
import { apply, APPLY_VERSION } from '../../core/apply.ts';
import { commandToJson, parseCommand, parseContext } from '../../core/command-codec.ts';
import type { ApplyContext, StoreCommand } from '../../core/command.ts';
import { emptyStore, type StoreState } from '../../core/model.ts';
import { parseDump } from '../../core/restore.ts';
import type { LogContent } from './log-records.ts';
import { recordOf, replay } from './replay.ts';

const proxyNumber = fc.integer({ min: 1, max: 14 });
const name = fc.constantFrom('x', 'y').map(clusterName);
const command: fc.Arbitrary<StoreCommand> = fc.oneof(
  { weight: 8, arbitrary: proxyNumber.map((n) => addProxyCommand(n, `h${n % 5}`)) },
  {
    weight: 1,
    arbitrary: proxyNumber.map((n) => ({ kind: 'remove-proxy', address: proxyAt(n) }) as const),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(name, fc.constantFrom(4, 8))
      .map(
        ([cluster, nodeNumber]) => ({ kind: 'create-cluster', name: cluster, nodeNumber }) as const,
      ),
  },
  {
    weight: 1,
    arbitrary: name.map((cluster) => ({ kind: 'delete-cluster', name: cluster }) as const),
  },
  { weight: 1, arbitrary: name.map((cluster) => ({ kind: 'balance', name: cluster }) as const) },
  {
    weight: 1,
    arbitrary: name.map(
      (cluster) =>
        ({
          kind: 'change-config',
          name: cluster,
          changes: [['migration_scan_count', '32']],
        }) as const,
    ),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(proxyNumber, fc.constantFrom('r1', 'r2'))
      .map(
        ([n, reporterId]) => ({ kind: 'report-failure', address: proxyAt(n), reporterId }) as const,
      ),
  },
  {
    weight: 5,
    arbitrary: proxyNumber.map((n) => ({ kind: 'failover', address: proxyAt(n) }) as const),
  },
);

function textOf(state: StoreState): string {
  return JSON.stringify(metaStoreToJson(state));
}

function throughText(state: StoreState): StoreState {
  const parsed = parseDump(JSON.parse(textOf(state)));
  assert(parsed.ok);
  return parsed.value;
}

function logOf(records: readonly unknown[]): LogContent {
  const lines = JSON.parse(JSON.stringify(records)) as unknown[];
  return {
    head: { applyVersion: APPLY_VERSION, storeId: '', start: 1 },
    records: lines.map((json, index) => ({ sequence: index + 1, json, offset: index })),
    soundBytes: 0,
  };
}

test('a replay from any point leads to the same state', () => {
  const steps = fc.array(fc.tuple(command, fc.constantFrom(0, 1, 30)), { maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.nat(60), (run, cut) => {
      let state = emptyStore(false);
      let context: ApplyContext = CONTEXT;
      const states = [state];
      const records: unknown[] = [];
      for (const [next, seconds] of run) {
        context = { ...context, nowSeconds: context.nowSeconds + seconds };
        const after = apply(state, next, context).state;
        if (after === state) continue;
        state = after;
        const kept = [{ command: next, epoch: state.globalEpoch }];
        records.push(recordOf({ state, steps: kept, context }));
        states.push(state);
      }
      const sequence = cut % states.length;
      const snapshot = states[sequence];
      assert(snapshot !== undefined);
      const replayed = replay({ state: throughText(snapshot), sequence }, logOf(records));
      assert.equal(replayed.sequence, records.length);
      assert.equal(textOf(replayed.state), textOf(state));
    }),
    { numRuns: 300 },
  );
});

test('every command survives its text form', () => {
  const task = parseMigrationTaskJson({
    cluster_name: 'demo',
    slot_range: {
      range_list: [[4096, 8191]],
      tag: {
        Migrating: {
          epoch: 7,
          src_proxy_address: 'x:1',
          src_node_address: 'x:2',
          dst_proxy_address: 'x:3',
          dst_node_address: 'x:4',
        },
      },
    },
  });
  const dump = parseDump(EXPANDING_DUMP);
  assert(task.ok && dump.ok);
  const commands: readonly StoreCommand[] = [
    addProxyCommand(1, 'h', 3),
    { kind: 'remove-proxy', address: proxyAt(1) },
    { kind: 'create-cluster', name: DEMO, nodeNumber: 4 },
    { kind: 'delete-cluster', name: DEMO },
    { kind: 'change-config', name: DEMO, changes: [['compression_strategy', 'allow_all']] },
    { kind: 'balance', name: DEMO },
    { kind: 'add-nodes', name: DEMO, nodeNumber: 4 },
    { kind: 'add-nodes-up-to', name: DEMO, nodeNumber: 8 },
    { kind: 'delete-free-nodes', name: DEMO },
    { kind: 'expand', name: DEMO },
    { kind: 'shrink', name: DEMO, nodeNumber: 4 },
    { kind: 'rebalance', name: DEMO },
    { kind: 'scale', name: DEMO, nodeNumber: 8 },
    { kind: 'pause-migrations', name: DEMO },
    { kind: 'resume-migrations', name: DEMO },
    { kind: 'cancel-migrations', name: DEMO },
    { kind: 'commit-migration', task: task.value },
    { kind: 'report-failure', address: proxyAt(1), reporterId: 'r' },
    { kind: 'purge-failures' },
    { kind: 'failover', address: proxyAt(1) },
    { kind: 'set-epoch', epoch: epoch(9) },
    { kind: 'recover-epoch', proxyEpochMax: epoch(10) },
    { kind: 'restore', store: dump.value },
  ];
  for (const each of commands) {
    const parsed = parseCommand(JSON.parse(JSON.stringify(commandToJson(each))));
    expect(parsed).toEqual({ ok: true, value: each });
  }
});

test('what is no command or context is refused by its member', () => {
  expect(parseCommand({ kind: 'toString' })).toMatchObject({ ok: false, field: 'kind' });
  expect(parseCommand(null)).toMatchObject({ ok: false, field: 'kind' });
  expect(parseCommand({ kind: 'failover', address: 1 })).toMatchObject({ field: 'address' });
  expect(parseContext({ nowSeconds: 'x' })).toMatchObject({ ok: false, field: 'nowSeconds' });
});

test('a record that leads to another epoch than it says is refused', () => {
  const record = recordOf({
    state: emptyStore(false),
    steps: [{ command: addProxyCommand(1), epoch: epoch(5) }],
    context: CONTEXT,
  });
  const from = { state: emptyStore(false), sequence: 0 };
  expect(() => replay(from, logOf([record]))).toThrow('add-proxy leads to the epoch 1, not 5');
  expect(() => replay(from, logOf([{ context: {}, steps: 1 }]))).toThrow(
    'unusable record 1: steps',
  );
});
