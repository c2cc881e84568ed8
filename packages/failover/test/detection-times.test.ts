import type { NodeAddress, Role } from '@undermoon/cluster-meta';
import { describe, expect, test } from 'vitest';
import { address, stable } from './fixtures.ts';
import { World } from './world.ts';

const A = address('10.0.0.1:6001');
const B = address('10.0.0.2:6001');
const SPARES = [address('10.0.0.3:6001'), address('10.0.0.4:6001')];
const SEEDS = Array.from({ length: 25 }, (_, index) => index + 1);

function nodeOf(world: World, proxy: NodeAddress, role: Role): NodeAddress {
  const nodes = world.broker.document(proxy)?.nodes ?? [];
  return nodes.find((node) => node.role === role)!.address;
}

function settledWorld(seed: number, coordinators: number, spares = SPARES, quorum = 1): World {
  const world = new World(seed, quorum);
  for (const proxy of [A, B, ...spares]) world.addProxy(proxy);
  world.broker.createCluster('demo', [
    { proxies: [A, B], position: 'normal', parts: [[stable(0, 8191)], [stable(8192, 16_383)]] },
  ]);
  for (let index = 0; index < coordinators; index++) world.addCoordinator(`c${index}`);
  world.run(5000 + world.random.next() * 1000);
  for (const proxy of [A, B, ...spares]) {
    expect(world.proxy(proxy).clusterEpoch).toBe(world.broker.document(proxy)?.epoch);
  }
  return world;
}

describe('in virtual time, for many seeds', () => {
  test('new proxies get their metadata within a second and a half of the first tick', () => {
    for (const seed of SEEDS) {
      const world = new World(seed);
      for (const proxy of [A, B]) world.addProxy(proxy);
      world.broker.createCluster('demo', [
        { proxies: [A, B], position: 'normal', parts: [[stable(0, 9)], [stable(10, 16_383)]] },
      ]);
      world.addCoordinator('c0');
      world.run(1500);
      expect(world.proxy(A).clusterEpoch, `seed ${seed}`).toBe(world.broker.epoch);
      expect(world.proxy(B).clusterEpoch, `seed ${seed}`).toBe(world.broker.epoch);
    }
  });

  test.each(['dead', 'frozen'] as const)(
    'a %s proxy is reported in time, and its partner learns of the failover within 200 ms',
    (mode) => {
      for (const seed of SEEDS) {
        const world = settledWorld(seed, 1);
        const failedAt = world.now;
        world.proxy(A).mode = mode;
        world.run(6000);
        const reported = world.notices('failure-reported');
        expect(reported, `seed ${seed}`).toHaveLength(1);
        const afterMs = reported[0]!.at - failedAt;
        expect(afterMs, `seed ${seed}`).toBeLessThan(mode === 'dead' ? 1500 : 4000);
        // Three misses a quarter of a second apart: nothing is reported on the first one.
        expect(afterMs, `seed ${seed}`).toBeGreaterThan(mode === 'dead' ? 400 : 2400);
        const done = world.notices('failover-done')[0]!;
        expect(done.at - reported[0]!.at, `seed ${seed}`).toBeLessThan(200);
        expect(world.proxy(B).changedAt - done.at, `seed ${seed}`).toBeLessThan(200);
        const owner = world.proxy(B).meta!.nodes.filter((node) => node.role === 'master');
        expect(owner, `seed ${seed}`).toHaveLength(2);
      }
    },
  );

  test.each([1, 2])(
    'a dead server behind a living proxy is failed over in time by a quorum of %i, and the reports are taken back',
    (quorum) => {
      for (const seed of SEEDS) {
        const world = settledWorld(seed, 2, SPARES, quorum);
        const masters = new Map([A, B].map((proxy) => [proxy, nodeOf(world, proxy, 'master')]));
        let diedAt = Infinity;
        for (const proxy of [A, B]) {
          const partner = masters.get(proxy === A ? B : A)!;
          const replica = nodeOf(world, proxy, 'replica');
          world.proxy(proxy).servers = () => {
            const downMs = proxy === A ? Math.max(0, Math.round(world.now - diedAt)) : 0;
            const own = { node: masters.get(proxy)!, master: null };
            return [
              { ...own, missedMs: downMs, copiedMs: downMs + 900 },
              { node: replica, master: partner, missedMs: 0, copiedMs: downMs + 900 },
            ];
          };
        }
        world.run(3000);
        diedAt = world.now;
        world.run(9000);
        const [done] = world.notices('failover-done');
        expect(done?.notice.address, `seed ${seed}`).toBe(A);
        expect(done!.at - diedAt, `seed ${seed}`).toBeGreaterThanOrEqual(5000);
        expect(done!.at - diedAt, `seed ${seed}`).toBeLessThan(7000);
        expect(world.proxy(B).changedAt - done!.at, `seed ${seed}`).toBeLessThan(200);
        const owner = world.proxy(B).meta!.nodes.filter((node) => node.role === 'master');
        expect(owner, `seed ${seed}`).toHaveLength(2);
        expect([...world.broker.reports.keys()], `seed ${seed}`).toEqual([]);
        expect([...world.broker.failed], `seed ${seed}`).toEqual([A]);
      }
    },
  );

  test('a pause of a second and a half is no failure', () => {
    for (const seed of SEEDS) {
      const world = settledWorld(seed, 2);
      world.proxy(A).mode = 'frozen';
      world.run(1500);
      world.proxy(A).mode = 'up';
      world.run(5000);
      expect(world.notices('failure-reported'), `seed ${seed}`).toEqual([]);
    }
  });

  test('a restart is noticed, and the metadata sent again, within a second and a half', () => {
    for (const seed of SEEDS) {
      const world = settledWorld(seed, 2);
      world.restart(B);
      world.run(1500);
      expect(world.proxy(B).clusterEpoch, `seed ${seed}`).toBe(world.broker.document(B)?.epoch);
      expect(world.proxy(B).replEpoch, `seed ${seed}`).toBe(world.broker.document(B)?.epoch);
    }
  });

  test('a change reaches every proxy within a tenth of a second where the broker tells it, else in a round', () => {
    for (const seed of SEEDS) {
      for (const [offersWatch, limitMs] of [
        [true, 100],
        [false, 1400],
      ] as const) {
        const world = settledWorld(seed, 2);
        world.offersWatch = offersWatch;
        // Watches that failed before are tried again after a while.
        world.run(40_000);
        for (let round = 0; round < 3; round++) {
          world.broker.touch('demo');
          world.run(limitMs);
          for (const proxy of [A, B]) {
            expect(world.proxy(proxy).clusterEpoch, `seed ${seed}`).toBe(world.broker.epoch);
          }
        }
      }
    }
  });

  test('without changes nothing is sent, however long', () => {
    const world = settledWorld(7, 2);
    const before = world.log.length;
    world.run(60_000);
    const kinds = new Set(world.log.slice(before).map(({ effect }) => effect.kind));
    expect([...kinds].toSorted()).toEqual(['inspect', 'probe', 'read-inventory', 'watch']);
  });

  test('without a spare the partner takes over, and a spare that is added later is used', () => {
    const world = settledWorld(3, 1, []);
    world.proxy(A).mode = 'dead';
    world.run(10_000);
    expect(world.proxy(B).meta!.nodes.every((node) => node.role === 'master')).toBe(true);
    const refused = world.notices('failover-failed');
    expect(refused.map(({ notice }) => notice.code)).toContain('NO_AVAILABLE_RESOURCE');
    const pauses = refused.map(({ notice }) => notice.retryInMs);
    expect(pauses.at(-1)).toBeGreaterThan(pauses[0]!);
    const calls = world.broker.failoverCalls;
    world.run(60_000);
    expect(world.broker.failoverCalls - calls).toBeGreaterThan(2);
    expect(world.broker.failoverCalls - calls).toBeLessThan(8);
    world.addProxy(SPARES[0]!);
    world.run(20_000);
    expect(world.broker.clusterOfProxy(SPARES[0]!)).toBe('demo');
    expect(world.proxy(SPARES[0]!).meta?.clusterName).toBe('demo');
  });

  test('LIM-5: a replaced proxy that returns is told that it is free', () => {
    const world = settledWorld(4, 2);
    world.proxy(A).mode = 'frozen';
    world.run(10_000);
    expect(world.broker.clusterOfProxy(A)).toBeNull();
    world.proxy(A).mode = 'up';
    world.run(3000);
    expect(world.notices('proxy-returned').some(({ notice }) => notice.address === A)).toBe(true);
    expect(world.proxy(A).meta).toMatchObject({ clusterName: null, address: A });
    expect(world.broker.failed.has(A)).toBe(true);
  });

  test('what was reported about a proxy counts no more when it answers again', () => {
    for (const seed of SEEDS) {
      // One report is never enough here, and of three coordinators only one cannot reach it in the end.
      const world = new World(seed, 2);
      for (const proxy of [A, B, ...SPARES]) world.addProxy(proxy);
      world.broker.createCluster('demo', [
        { proxies: [A, B], position: 'normal', parts: [[stable(0, 9)], [stable(10, 16_383)]] },
      ]);
      const first = world.addCoordinator('c0', { massFailureRatio: 1 });
      const second = world.addCoordinator('c1', { massFailureRatio: 1 });
      world.run(5000);
      first.isCutOff = true;
      world.run(10_000);
      expect(world.broker.reports.get(A)?.size, `seed ${seed}`).toBe(1);
      first.isCutOff = false;
      world.run(3000);
      expect(world.broker.reports.size, `seed ${seed}`).toBe(0);
      second.isCutOff = true;
      world.run(10_000);
      expect(world.broker.failoverCalls, `seed ${seed}`).toBe(0);
    }
  });

  test('a change by somebody else reaches all members within two seconds', () => {
    for (const seed of SEEDS) {
      const world = settledWorld(seed, 1);
      world.broker.touch('demo');
      world.run(2000);
      expect(world.proxy(A).clusterEpoch, `seed ${seed}`).toBe(world.broker.epoch);
      expect(world.proxy(B).clusterEpoch, `seed ${seed}`).toBe(world.broker.epoch);
    }
  });

  test('frozen proxies do not delay a live one', () => {
    const world = new World(11);
    const crowd = Array.from({ length: 60 }, (_, index) => address(`10.1.0.${index + 1}:6001`));
    for (const proxy of [A, B, ...crowd]) world.addProxy(proxy);
    world.broker.createCluster('demo', [
      { proxies: [A, B], position: 'normal', parts: [[stable(0, 9)], [stable(10, 16_383)]] },
    ]);
    world.addCoordinator('c0');
    world.run(5000);
    for (const proxy of crowd.slice(0, 25)) world.proxy(proxy).mode = 'frozen';
    world.run(20_000);
    world.broker.touch('demo');
    world.run(2000);
    expect(world.proxy(A).clusterEpoch).toBe(world.broker.epoch);
    const dead = world.notices('failure-reported').map(({ notice }) => notice.address);
    expect(dead.toSorted()).toEqual(crowd.slice(0, 25).toSorted());
  });
});
