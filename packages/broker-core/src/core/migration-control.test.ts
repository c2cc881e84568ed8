import assert from 'node:assert/strict';
import { metaStoreToJson, type StoredCluster } from '@undermoon/broker-api';
import { encodeMigrationTask, type ClusterName, type MigrationTask } from '@undermoon/cluster-meta';
import { countSlots } from '@undermoon/slots';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addProxyCommand,
  CheckedStore,
  clusterName,
  DEMO,
  storeWithCluster,
} from '../../test/store-fixture.ts';
import type { ApplyContext } from './command.ts';
import { emptyStore } from './model.ts';
import { clusterInfo, clusterMigrations, clusterView } from './query.ts';
import { parseDump } from './restore.ts';

const PAUSE = { kind: 'pause-migrations', name: DEMO } as const;
const RESUME = { kind: 'resume-migrations', name: DEMO } as const;
const CANCEL = { kind: 'cancel-migrations', name: DEMO } as const;

function clusterOf(store: CheckedStore, name: ClusterName = DEMO): StoredCluster {
  const cluster = store.state.clusters.get(name);
  assert(cluster !== undefined);
  return cluster;
}

/** A store whose cluster `demo` expands from one chunk to three: five migrations. */
function expanding(context: Partial<ApplyContext> = {}): CheckedStore {
  const store = storeWithCluster(6, 4);
  store.context = { ...store.context, migrationLimit: 1, ...context };
  store.must({ kind: 'add-nodes', name: DEMO, nodeNumber: 8 });
  store.must({ kind: 'expand', name: DEMO });
  return store;
}

/** For each migration in order, whether it runs. */
function running(store: CheckedStore, name: ClusterName = DEMO): boolean[] {
  const { migrations } = clusterMigrations(clusterOf(store, name), store.context.migrationLimit);
  return migrations.map(({ isRunning }) => isRunning);
}

function commitRunning(store: CheckedStore, name: ClusterName = DEMO): void {
  const { migrations } = clusterMigrations(clusterOf(store, name), store.context.migrationLimit);
  const next = migrations.find(({ isRunning }) => isRunning);
  assert(next !== undefined, 'nothing runs');
  store.must({ kind: 'commit-migration', task: next.task });
}

function slotCounts(store: CheckedStore): number[] {
  return clusterOf(store).chunks.flatMap((chunk) =>
    chunk.stableSlots.map((ranges) => countSlots(ranges ?? [])),
  );
}

describe('LIM-12: a paused cluster', () => {
  test('finishes what runs, and goes on when it is resumed', () => {
    const store = expanding();
    expect(running(store)).toEqual([true, false, false, false, false]);
    store.must(PAUSE);
    expect(running(store)).toEqual([true, false, false, false, false]);
    commitRunning(store);
    expect(running(store)).toEqual([false, false, false, false]);
    expect(
      clusterView(store.state, clusterOf(store), 0).nodes.every((node) => node.slots.length <= 1),
    ).toBe(true);
    // It is in the middle of a change nevertheless.
    expect(clusterInfo(clusterOf(store), 1).isMigrating).toBe(true);
    expect(store.code({ kind: 'expand', name: DEMO })).toBe('MIGRATION_RUNNING');
    const { state } = store;
    store.must(PAUSE);
    expect(store.state).toBe(state);
    store.must(RESUME);
    expect(running(store)).toEqual([true, false, false, false]);
    for (let left = 4; left > 0; left--) commitRunning(store);
    expect(slotCounts(store)).toEqual([2731, 2731, 2731, 2731, 2730, 2730]);
  });

  test('is no longer paused when nothing is left to move', () => {
    const store = expanding({ migrationLimit: 0 });
    store.must(PAUSE);
    for (let left = 5; left > 0; left--) commitRunning(store);
    expect(clusterOf(store).isPaused).toBe(false);
  });

  test('is one in its dump, which a broker that knows nothing of it can read', () => {
    const store = expanding();
    const before = JSON.stringify(metaStoreToJson(store.state));
    expect(before).not.toMatch(/held|paused/);
    store.must(PAUSE);
    const dump = JSON.parse(JSON.stringify(metaStoreToJson(store.state))) as unknown;
    const read = parseDump(dump);
    assert(read.ok);
    expect(metaStoreToJson(read.value)).toEqual(dump);
    expect(running(new CheckedStore(read.value, store.context))).toEqual(running(store));
    store.must(RESUME);
    expect(JSON.stringify(metaStoreToJson(store.state))).not.toMatch(/held|paused/);
  });
});

describe('LIM-12: a cancelled plan', () => {
  test('leaves the slots that have not begun to move where they are', () => {
    const store = expanding();
    store.must(CANCEL);
    expect(running(store)).toEqual([true]);
    commitRunning(store);
    expect(slotCounts(store)).toEqual([5461, 8192, 2731, 0, 0, 0]);
    // The rest can be planned again.
    store.must({ kind: 'expand', name: DEMO });
    while (running(store).length > 0) commitRunning(store);
    expect(slotCounts(store)).toEqual([2731, 2731, 2731, 2731, 2730, 2730]);
  });

  test('that was paused is not paused any longer', () => {
    const store = expanding();
    store.must(PAUSE);
    commitRunning(store);
    store.must(CANCEL);
    expect(running(store)).toEqual([]);
    expect(clusterOf(store).isPaused).toBe(false);
    expect(slotCounts(store)).toEqual([5461, 8192, 2731, 0, 0, 0]);
  });

  test('cannot take back what runs', () => {
    const store = expanding({ migrationLimit: 0 });
    const { state } = store;
    expect(store.code(CANCEL)).toBe('MIGRATION_RUNNING');
    expect(store.state).toBe(state);
  });
});

describe('LIM-12: a migration that runs', () => {
  const shown = (store: CheckedStore): MigrationTask[] => {
    const { migrations } = clusterMigrations(clusterOf(store), store.context.migrationLimit);
    return migrations.filter(({ isRunning }) => isRunning).map(({ task }) => task);
  };

  test('is cancelled when its source agrees; the slots stay there', () => {
    const store = expanding({ migrationLimit: 0 });
    const [first, second, ...rest] = shown(store);
    assert(first !== undefined && second !== undefined);
    store.must({ ...CANCEL, agreed: [first] });
    expect(shown(store)).toEqual([second, ...rest]);
    expect(slotCounts(store).slice(0, 2)).toEqual([2731 + 2731, 2731]);
    // Its report comes too late, and the promise is of no more use.
    expect(store.code({ kind: 'commit-migration', task: first })).toBe('MIGRATION_TASK_NOT_FOUND');
    expect(store.code({ ...CANCEL, agreed: [first] })).toBe('MIGRATION_RUNNING');
    store.must({ ...CANCEL, agreed: [second, ...rest] });
    expect(slotCounts(store)).toEqual([8192, 8192, 0, 0, 0, 0]);
    store.must({ kind: 'delete-free-nodes', name: DEMO });
  });

  test('that was committed first stays committed', () => {
    const store = expanding();
    const agreed = shown(store);
    commitRunning(store);
    store.must({ ...CANCEL, agreed });
    // The next one runs by now; those after it were dropped.
    expect(running(store)).toEqual([true]);
    expect(slotCounts(store)).toEqual([2731, 8192, 2731, 0, 0, 0]);
  });

  test('and was restarted by a failover needs the word of its new source', () => {
    const store = expanding({ migrationLimit: 0 });
    const agreed = shown(store).slice(0, 1);
    store.must(addProxyCommand(7));
    store.must({ kind: 'failover', address: store.chunk(0).proxyAddresses[0] });
    expect(shown(store)[0]).not.toEqual(agreed[0]);
    const { state } = store;
    expect(store.code({ ...CANCEL, agreed })).toBe('MIGRATION_RUNNING');
    expect(store.state).toBe(state);
    store.must({ ...CANCEL, agreed: shown(store) });
    expect(slotCounts(store)).toEqual([8192, 8192, 0, 0, 0, 0]);
  });

  test('whatever the order of cancels, commits, failovers and repeated reports, one end owns the slots', () => {
    const choice = fc.nat({ max: 1000 });
    const action = fc.oneof(
      fc.record({ kind: fc.constantFrom('ask', 'ask', 'switch', 'switch'), choice }),
      fc.record({ kind: fc.constantFrom('cancel', 'commit', 'commit', 'failover'), choice }),
      fc.record({ kind: fc.constantFrom('register', 'expand', 'shrink', 'free'), choice }),
    );
    fc.assert(
      fc.property(
        fc.array(action, { minLength: 60, maxLength: 60 }),
        fc.integer({ min: 0, max: 2 }),
        (actions, migrationLimit) => {
          const store = expanding({ migrationLimit });
          const proxies = new ProxyMemory();
          for (const { kind, choice: picked } of actions) {
            const before = shown(store);
            const owners = new Map(
              before.map((task) => [firstSlot(task), ownerOf(store, firstSlot(task))]),
            );
            act(store, proxies, { kind, picked, shown: before });
            const ends = new Set(shown(store).map(encodeMigrationTask));
            const planned = clusterMigrations(clusterOf(store), 0).migrations;
            for (const task of before.filter((each) => !ends.has(encodeMigrationTask(each)))) {
              // A failover made another task out of it.
              if (kind === 'failover' || kind === 'register') continue;
              const slot = firstSlot(task);
              if (planned.some(({ task: other }) => covers(other, slot))) continue;
              const isMoved = ownerOf(store, slot) !== owners.get(slot);
              assert.equal(isMoved, proxies.fateOf(task) === 'switched', `${kind} ${slot}`);
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  /** What sources have done about a task: handed it over, or promised not to. Never both. */
  class ProxyMemory {
    readonly #fates = new Map<string, 'switched' | 'promised'>();
    readonly promises: MigrationTask[] = [];
    readonly reports: MigrationTask[] = [];

    fateOf(task: MigrationTask): 'switched' | 'promised' | null {
      return this.#fates.get(encodeMigrationTask(task)) ?? null;
    }

    ask(task: MigrationTask): void {
      this.#decide(task, 'promised');
      if (this.fateOf(task) === 'promised') this.promises.push(task);
    }

    hand(task: MigrationTask): void {
      this.#decide(task, 'switched');
      if (this.fateOf(task) === 'switched') this.reports.push(task);
    }

    #decide(task: MigrationTask, fate: 'switched' | 'promised'): void {
      const key = encodeMigrationTask(task);
      if (!this.#fates.has(key)) this.#fates.set(key, fate);
    }
  }

  function act(
    store: CheckedStore,
    proxies: ProxyMemory,
    { kind, picked, shown: tasks }: { kind: string; picked: number; shown: MigrationTask[] },
  ): void {
    const pick = <T>(items: readonly T[]): T | undefined =>
      items[picked % Math.max(1, items.length)];
    const task = pick(tasks);
    if (kind === 'ask' && task !== undefined) proxies.ask(task);
    if (kind === 'switch' && task !== undefined) proxies.hand(task);
    // Any of them may be late, or come again.
    const report = pick(proxies.reports);
    if (kind === 'commit' && report !== undefined)
      store.run({ kind: 'commit-migration', task: report });
    if (kind === 'cancel') {
      const agreed = proxies.promises.filter((_, index) => (index + picked) % 3 > 0);
      store.run({ ...CANCEL, agreed });
    }
    const proxy = pick([...store.state.proxies.keys()]);
    if (kind === 'failover' && proxy !== undefined) store.run({ kind: 'failover', address: proxy });
    if (kind === 'register') store.run(addProxyCommand(1 + (picked % 9)));
    if (kind === 'expand') store.run({ kind: 'expand', name: DEMO });
    if (kind === 'shrink') store.run({ kind: 'shrink', name: DEMO, nodeNumber: 4 });
    if (kind === 'free') store.run({ kind: 'delete-free-nodes', name: DEMO });
  }

  /** The one part that has the slot, or gives it away. */
  function ownerOf(store: CheckedStore, slot: number): string {
    const owners = clusterOf(store).chunks.flatMap(({ stableSlots, migratingSlots }, index) =>
      ([0, 1] as const).flatMap((part) => {
        const given = migratingSlots[part].filter((entry) => entry.isMigrating);
        const all = [stableSlots[part] ?? [], ...given.map(({ ranges }) => ranges)].flat();
        return all.some(([start, end]) => start <= slot && slot <= end) ? [`${index}.${part}`] : [];
      }),
    );
    assert.equal(owners.length, 1, `slot ${slot} is owned by ${owners.join(' and ') || 'nobody'}`);
    return owners[0] ?? '';
  }

  function firstSlot({ slots }: MigrationTask): number {
    return slots.ranges[0]?.[0] ?? 0;
  }

  function covers({ slots }: MigrationTask, slot: number): boolean {
    return slots.ranges.some(([start, end]) => start <= slot && slot <= end);
  }
});

describe('what does not move', () => {
  test('cannot be paused or cancelled, and need not be resumed', () => {
    const store = storeWithCluster(2, 4);
    const { state } = store;
    expect(store.code(PAUSE)).toBe('MIGRATION_TASK_NOT_FOUND');
    expect(store.code(CANCEL)).toBe('MIGRATION_TASK_NOT_FOUND');
    store.must(RESUME);
    for (const command of [PAUSE, RESUME, CANCEL]) {
      expect(store.code({ ...command, name: clusterName('x') })).toBe('CLUSTER_NOT_FOUND');
    }
    expect(store.state).toBe(state);
  });
});

describe('a limit per host', () => {
  const A = clusterName('a');
  const B = clusterName('b');

  /** Two clusters on the same four hosts that expand at the same time. */
  function twoExpanding(context: Partial<ApplyContext>): CheckedStore {
    const store = new CheckedStore(emptyStore(false), { migrationLimit: 0, ...context });
    for (let n = 1; n <= 16; n++) store.must(addProxyCommand(n, `h${n % 4}`));
    for (const name of [A, B]) {
      store.must({ kind: 'create-cluster', name, nodeNumber: 4 });
      store.must({ kind: 'add-nodes', name, nodeNumber: 8 });
    }
    for (const name of [A, B]) store.must({ kind: 'expand', name });
    return store;
  }

  function loadOf(store: CheckedStore): Map<string, number> {
    const load = new Map<string, number>();
    for (const name of [A, B]) {
      const { migrations } = clusterMigrations(
        clusterOf(store, name),
        store.context.migrationLimit,
      );
      for (const { task, isRunning } of migrations) {
        const { tag } = task.slots;
        if (!isRunning || tag.kind === 'none') continue;
        const ends = [tag.meta.srcProxyAddress, tag.meta.dstProxyAddress];
        const hosts = new Set(ends.map((end) => store.state.proxies.get(end)?.host ?? ''));
        for (const host of hosts) load.set(host, (load.get(host) ?? 0) + 1);
      }
    }
    return load;
  }

  test.each([1, 2])('of %i is kept over all clusters, until everything is moved', (limit) => {
    const store = twoExpanding({ hostMigrationLimit: limit });
    let rounds = 0;
    while ([A, B].some((name) => running(store, name).length > 0)) {
      const load = loadOf(store);
      expect(Math.max(...load.values())).toBeLessThanOrEqual(limit);
      const name = running(store, A).includes(true) ? A : B;
      commitRunning(store, name);
      rounds++;
    }
    expect(rounds).toBe(10);
  });

  test('lets clusters take turns', () => {
    const store = twoExpanding({ hostMigrationLimit: 2, migrationLimit: 1 });
    expect(running(store, A)).toContain(true);
    expect(running(store, B)).toContain(true);
  });

  test('that is lifted releases what waits', () => {
    const store = twoExpanding({ hostMigrationLimit: 1 });
    expect([...running(store, A), ...running(store, B)]).toContain(false);
    store.context = { ...store.context, hostMigrationLimit: 0 };
    store.must({ kind: 'purge-failures' });
    expect([...running(store, A), ...running(store, B)]).not.toContain(false);
  });

  test('holds for a cluster that is resumed', () => {
    const store = twoExpanding({ hostMigrationLimit: 1 });
    store.must({ ...PAUSE, name: A });
    while (running(store, A).includes(true)) commitRunning(store, A);
    while (running(store, B).length > 0) commitRunning(store, B);
    store.must({ ...RESUME, name: A });
    expect(Math.max(...loadOf(store).values())).toBe(1);
  });
});
