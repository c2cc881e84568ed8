// Random sequences of mutations. The fixture checks after each one that every slot has exactly one owner, no
// proxy is in two places, epochs only rise, and every changed document has a higher epoch; here is the rest.
import assert from 'node:assert/strict';
import type { NodeAddress } from '@undermoon/cluster-meta';
import fc from 'fast-check';
import { test } from 'vitest';
import { allocateChunks } from '../src/core/allocate.ts';
import type { StoreCommand } from '../src/core/command.ts';
import { isReported } from '../src/core/failure-log.ts';
import { placementViolations, storeViolations } from '../src/core/invariants.ts';
import { emptyStore, findMember, type StoreState } from '../src/core/model.ts';
import { clusterView } from '../src/core/query.ts';
import { parseDump } from '../src/core/restore.ts';
import { metaStoreToJson } from '@undermoon/broker-api';
import {
  addProxyCommand,
  CheckedStore,
  clusterName,
  EXPANDING_DUMP,
  proxyAt,
} from './store-fixture.ts';

const PROXIES = 14;
const HOSTS = 5;

const proxyNumber = fc.integer({ min: 1, max: PROXIES });
const name = fc.constantFrom('x', 'y', 'z').map(clusterName);

const command: fc.Arbitrary<StoreCommand | number> = fc.oneof(
  { weight: 8, arbitrary: proxyNumber.map((n) => addProxyCommand(n, `h${n % HOSTS}`, n)) },
  {
    weight: 1,
    arbitrary: proxyNumber.map((n) => ({ kind: 'remove-proxy', address: proxyAt(n) }) as const),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(name, fc.constantFrom(4, 8, 12))
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
    weight: 6,
    arbitrary: fc
      .tuple(proxyNumber, fc.constantFrom('r1', 'r2', 'r3'))
      .map(
        ([n, reporterId]) => ({ kind: 'report-failure', address: proxyAt(n), reporterId }) as const,
      ),
  },
  {
    weight: 6,
    arbitrary: proxyNumber.map((n) => ({ kind: 'failover', address: proxyAt(n) }) as const),
  },
  // Seconds that pass.
  { weight: 3, arbitrary: fc.constantFrom(1, 30, 60) },
);

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

// A chunk half got another proxy: it was free, or became free by the deletion of its cluster, and unsuspected.
function checkReplacements(before: StoreState, store: CheckedStore): void {
  const then = new Set(membersOf(before).values());
  const old = membersOf(before);
  for (const [proxy, place] of membersOf(store.state)) {
    if (!then.has(place) || old.get(proxy) === place) continue;
    assert(!store.state.failedProxies.has(proxy), `${proxy} is failed and was taken`);
    assert(!store.state.failures.has(proxy), `${proxy} is reported and was taken`);
    const from = before.proxies.get(proxy)?.cluster ?? null;
    const wasFreed = from === null || !store.state.clusters.has(from);
    assert(wasFreed, `${proxy} was taken from the cluster ${from}`);
  }
}

// Roles only move to a half that nobody sees as down.
function checkRoles(before: StoreState, store: CheckedStore): void {
  for (const [cluster, { chunks }] of store.state.clusters) {
    for (const [index, chunk] of chunks.entries()) {
      const old = before.clusters.get(cluster)?.chunks[index];
      if (old === undefined || old.rolePosition === chunk.rolePosition) continue;
      if (chunk.rolePosition === 'Normal') continue;
      const master = old.proxyAddresses[chunk.rolePosition === 'FirstChunkMaster' ? 0 : 1];
      assert(!before.failedProxies.has(master), `roles moved to the failed ${master}`);
      assert(!isReported(before, master, store.context), `roles moved to the reported ${master}`);
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
    for (const { ranges, tag } of clusterView(cluster, 0).nodes.flatMap((node) => node.slots)) {
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

function runAll(store: CheckedStore, commands: readonly (StoreCommand | number)[]): StoreState {
  for (const item of commands) {
    if (typeof item === 'number') {
      store.pass(item);
      continue;
    }
    const before = store.state;
    const frozen = JSON.stringify(metaStoreToJson(before));
    store.step(item);
    assert.equal(JSON.stringify(metaStoreToJson(before)), frozen, 'the old state was changed');
    checkReplacements(before, store);
    checkRoles(before, store);
    checkMigrations(before, store);
    checkNobodyWaitsInVain(store);
    if (!store.state.enableOrderedProxy) assert.deepEqual(placementViolations(store.state), []);
  }
  const dump = JSON.parse(JSON.stringify(metaStoreToJson(store.state))) as unknown;
  const read = parseDump(dump);
  assert(read.ok, JSON.stringify(read));
  assert.deepEqual(metaStoreToJson(read.value), metaStoreToJson(store.state));
  return store.state;
}

test('every sequence of mutations keeps the store sound', () => {
  const input = fc.record({
    commands: fc.array(command, { minLength: 20, maxLength: 80 }),
    quorum: fc.integer({ min: 1, max: 2 }),
  });
  fc.assert(
    fc.property(input, ({ commands, quorum }) => {
      const store = new CheckedStore(emptyStore(false), { failureQuorum: quorum });
      assert.deepEqual(storeViolations(runAll(store, commands)), []);
    }),
    { numRuns: 80 },
  );
}, 60_000);

test('in ordered mode too', () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 20, maxLength: 60 }), (commands) => {
      const state = runAll(new CheckedStore(emptyStore(true)), commands);
      assert(state.clusters.size <= 1 && state.failedProxies.size <= PROXIES);
    }),
    { numRuns: 30 },
  );
}, 60_000);

test('and in the middle of an expansion', () => {
  const parsed = parseDump(EXPANDING_DUMP);
  assert(parsed.ok);
  const start = parsed.value;
  const members = [...start.proxies.keys()];
  const onMember: fc.Arbitrary<StoreCommand | number> = fc.oneof(
    command,
    fc.constantFrom(...members).map((address) => ({ kind: 'failover', address }) as const),
    fc.constantFrom(...members).map(
      (address) =>
        ({
          kind: 'add-proxy',
          address,
          nodeAddresses: start.proxies.get(address)!.nodeAddresses,
          host: 'ignored',
          index: null,
          zone: null,
          weight: null,
        }) as const,
    ),
    fc.constant({ kind: 'balance', name: clusterName('demo') } as const),
  );
  fc.assert(
    fc.property(fc.array(onMember, { minLength: 10, maxLength: 40 }), (commands) => {
      runAll(new CheckedStore(start), commands);
    }),
    { numRuns: 50 },
  );
}, 60_000);

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
