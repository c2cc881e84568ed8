// Random sequences of mutations. The fixture checks after each one that every slot has exactly one owner, no
// proxy is in two places, epochs only rise, and every changed document has a higher epoch; here is the rest.
import assert from 'node:assert/strict';
import { hostOf, type NodeAddress } from '@undermoon/cluster-meta';
import fc from 'fast-check';
import { test } from 'vitest';
import { allocateChunks } from '../src/core/allocate.ts';
import { apply } from '../src/core/apply.ts';
import {
  commandToJson,
  contextToJson,
  parseCommand,
  parseContext,
} from '../src/core/command-codec.ts';
import { isDown, isReported } from '../src/core/failure-log.ts';
import { placementViolations, storeViolations } from '../src/core/invariants.ts';
import { emptyStore, findMember, type StoreState } from '../src/core/model.ts';
import { clusterView } from '../src/core/query.ts';
import { parseDump } from '../src/core/restore.ts';
import { isFree } from '../src/core/scale-ops.ts';
import { metaStoreToJson } from '@undermoon/broker-api';
import { commandOf, HOSTS, PROXIES, storeAction, type StoreAction } from './command-arbitrary.ts';
import {
  address,
  addProxyCommand,
  CheckedStore,
  clusterName,
  EXPANDING_DUMP,
} from './store-fixture.ts';

function membersOf(state: StoreState): Map<NodeAddress, string> {
  const members = new Map<NodeAddress, string>();
  for (const [cluster, { chunks }] of state.clusters) {
    for (const [index, chunk] of chunks.entries()) {
      for (const half of [0, 1] as const)
        members.set(chunk.proxyAddresses[half], `${cluster} ${index} ${half}`);
    }
  }
  return members;
}

// A chunk half got another proxy: it was free, or became free by the same command, and unsuspected.
function checkReplacements(before: StoreState, store: CheckedStore): void {
  const then = new Set(membersOf(before).values());
  for (const [proxy, place] of membersOf(store.state)) {
    // A chunk moves up in its cluster when free ones before it are removed.
    const isMoved = before.proxies.get(proxy)?.cluster === place.split(' ')[0];
    if (!then.has(place) || isMoved) continue;
    assert(!store.state.failedProxies.has(proxy), `${proxy} is failed and was taken`);
    assert(!store.state.failures.has(proxy), `${proxy} is reported and was taken`);
    const from = before.proxies.get(proxy)?.cluster ?? null;
    const chunk = findMember(before, proxy)?.chunk;
    const wasFreed = from === null || !store.state.clusters.has(from) || (chunk && isFree(chunk));
    assert(wasFreed, `${proxy} was taken from the cluster ${from}`);
  }
}

// Roles only move to a half that nobody sees as down.
function checkRoles(before: StoreState, store: CheckedStore): void {
  for (const [cluster, { chunks }] of store.state.clusters) {
    const old = new Map(
      before.clusters
        .get(cluster)
        ?.chunks.flatMap((chunk) => chunk.proxyAddresses.map((proxy) => [proxy, chunk])),
    );
    for (const chunk of chunks) {
      if (chunk.rolePosition === 'Normal') continue;
      // The other half may have come from another chunk, which was removed in this step.
      const master = chunk.proxyAddresses[chunk.rolePosition === 'FirstChunkMaster' ? 0 : 1];
      const then = old.get(master);
      if (then === undefined || then.rolePosition === chunk.rolePosition) continue;
      // A failed one that registers again in this step is in service again.
      assert(
        !isDown(store.state, master, store.context),
        `roles moved to ${master}, which is down`,
      );
    }
  }
}

// A migration that goes on between other addresses is another migration: it has a new epoch.
function checkMigrations(before: StoreState, store: CheckedStore): void {
  const old = migrationsOf(before);
  for (const [task, ends] of migrationsOf(store.state)) {
    assert.equal(old.get(task) ?? ends, ends, `${task} got other addresses and kept its epoch`);
  }
}

function migrationsOf(state: StoreState): Map<string, string> {
  const migrations = new Map<string, string>();
  for (const cluster of state.clusters.values()) {
    for (const { ranges, tag } of clusterView(state, cluster, 0).nodes.flatMap(
      (node) => node.slots,
    )) {
      if (tag.kind === 'none') continue;
      const { epoch, ...ends } = tag.meta;
      migrations.set(
        `${cluster.name} ${ranges.join(' ')} ${tag.kind} ${epoch}`,
        JSON.stringify(ends),
      );
    }
  }
  return migrations;
}

// Nobody who waits could be served: a failed member has a survivor that is down, or no proxy fits.
function checkNobodyWaitsInVain(store: CheckedStore): void {
  const { state } = store;
  if (state.enableOrderedProxy) return;
  for (const failed of state.failedProxies) {
    const place = findMember(state, failed);
    if (place === null) continue;
    const survivor = place.chunk.proxyAddresses[place.half === 0 ? 1 : 0];
    if (state.failedProxies.has(survivor) || isReported(state, survivor, store.context)) continue;
    const survivorHost = place.chunk.hosts[place.half === 0 ? 1 : 0];
    const fitting = [...state.proxies.values()].filter(
      (proxy) =>
        proxy.cluster === null &&
        proxy.host !== survivorHost &&
        !state.failedProxies.has(proxy.proxyAddress) &&
        !state.failures.has(proxy.proxyAddress),
    );
    assert.deepEqual(fitting, [], `${failed} waits`);
  }
}

interface LoggedStep {
  readonly command: unknown;
  readonly context: unknown;
}

let stepCount = 0;

function runAll(store: CheckedStore, actions: readonly StoreAction[]): StoreState {
  const start = store.state;
  const log: LoggedStep[] = [];
  for (const action of actions) {
    stepCount++;
    if (action.kind === 'pass') store.pass(action.seconds);
    const command = commandOf(action, store.state);
    if (command === null) continue;
    const before = store.state;
    // Text forms of whole states take most of the time, so not after every step.
    const frozen = stepCount % 8 === 0 ? textOf(before) : null;
    log.push({ command: commandToJson(command), context: contextToJson(store.context) });
    store.step(command);
    if (frozen !== null) assert.equal(textOf(before), frozen, 'the old state was changed');
    checkReplacements(before, store);
    checkRoles(before, store);
    checkMigrations(before, store);
    checkNobodyWaitsInVain(store);
    if (!store.state.enableOrderedProxy) assert.deepEqual(placementViolations(store.state), []);
  }
  const read = parseDump(JSON.parse(textOf(store.state)));
  assert(read.ok, JSON.stringify(read));
  assert.equal(textOf(read.value), textOf(store.state));
  assert.equal(textOf(replay(start, log)), textOf(store.state), 'a replay leads elsewhere');
  return store.state;
}

function textOf(state: StoreState): string {
  return JSON.stringify(metaStoreToJson(state));
}

function replay(start: StoreState, log: readonly LoggedStep[]): StoreState {
  return log.reduce((state, step) => {
    const command = parseCommand(JSON.parse(JSON.stringify(step.command)));
    const context = parseContext(JSON.parse(JSON.stringify(step.context)));
    assert(command.ok && context.ok, JSON.stringify(step));
    return apply(state, command.value, context.value).state;
  }, start);
}

const settings = fc.record({
  failureQuorum: fc.integer({ min: 1, max: 2 }),
  migrationLimit: fc.integer({ min: 0, max: 2 }),
  hostMigrationLimit: fc.constantFrom(0, 0, 1, 2),
});

test('every sequence of mutations keeps the store sound, and its log leads to the same state', () => {
  const input = fc.record({
    actions: fc.array(storeAction, { minLength: 150, maxLength: 250, size: 'max' }),
    settings,
  });
  fc.assert(
    fc.property(input, ({ actions, settings: context }) => {
      const store = new CheckedStore(emptyStore(false), context);
      for (let n = 1; n <= PROXIES; n += 2) store.must(addProxyCommand(n, `h${n % HOSTS}`));
      assert.deepEqual(storeViolations(runAll(store, actions)), []);
    }),
    // Making a case of this length smaller takes minutes; the seed replays it.
    { numRuns: 450, endOnFailure: true },
  );
}, 120_000);

test('in ordered mode too', () => {
  const actions = fc.array(storeAction, { minLength: 100, maxLength: 200, size: 'max' });
  fc.assert(
    fc.property(actions, settings, (run, context) => {
      const store = new CheckedStore(emptyStore(true), context);
      for (let n = 1; n <= PROXIES; n++) store.must(addProxyCommand(n, 'h', n - 1));
      const state = runAll(store, run);
      assert(state.clusters.size <= 1 && state.failedProxies.size <= PROXIES);
    }),
    { numRuns: 100, endOnFailure: true },
  );
});

test('and in the middle of an expansion', () => {
  const parsed = parseDump(EXPANDING_DUMP);
  assert(parsed.ok);
  const start = parsed.value;
  const members = [...start.proxies.values()];
  const onMember: fc.Arbitrary<StoreAction> = fc.oneof(
    storeAction,
    fc
      .constantFrom(...members)
      .map((proxy) => ({ kind: 'failover', address: proxy.proxyAddress }) as const),
    fc.tuple(fc.constantFrom(...members), fc.constantFrom(null, 6002, 6003)).map(
      ([proxy, port]) =>
        ({
          kind: 'add-proxy',
          address: proxy.proxyAddress,
          nodeAddresses: proxy.nodeAddresses,
          host: 'ignored',
          index: null,
          zone: null,
          weight: null,
          replicaAddress: port === null ? null : address(`${hostOf(proxy.proxyAddress)}:${port}`),
        }) as const,
    ),
    fc.constant({ kind: 'balance', name: clusterName('demo') } as const),
  );
  fc.assert(
    fc.property(fc.array(onMember, { minLength: 40, maxLength: 100, size: 'max' }), (actions) => {
      runAll(new CheckedStore(start), actions);
    }),
    { numRuns: 120 },
  );
});

test('that was enough steps to trust them', () => {
  assert(stepCount >= 100_000, `${stepCount} steps`);
});

test('allocation does not depend on the order of registration', () => {
  const order = fc.shuffledSubarray(
    Array.from({ length: PROXIES }, (_, i) => i + 1),
    { minLength: PROXIES },
  );
  fc.assert(
    fc.property(order, (numbers) => {
      const store = new CheckedStore();
      for (const n of numbers) store.must(addProxyCommand(n, `h${n % HOSTS}`));
      const pairs = allocateChunks(store.state, 6);
      assert(pairs.ok);
      const text = pairs.pairs.map((pair) => pair.map((proxy) => proxy.proxyAddress).join(' '));
      const reference = new CheckedStore();
      for (let n = 1; n <= PROXIES; n++) reference.must(addProxyCommand(n, `h${n % HOSTS}`));
      const expected = allocateChunks(reference.state, 6);
      assert(expected.ok);
      assert.deepEqual(
        text,
        expected.pairs.map((pair) => pair.map((proxy) => proxy.proxyAddress).join(' ')),
      );
    }),
    { numRuns: 30 },
  );
});
