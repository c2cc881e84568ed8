import type { NodeAddress } from '@undermoon/cluster-meta';
import { describe, expect, test } from 'vitest';
import { DEFAULT_SETTINGS } from '../src/core/settings.ts';
import { address, stable } from './fixtures.ts';
import type { SimulatedCoordinator } from './world.ts';
import { World } from './world.ts';

const PROXIES = Array.from({ length: 8 }, (_, index) => address(`10.0.0.${index + 1}:6001`));
const RUNS = Number(process.env['FAILOVER_RUNS'] ?? 15);
const FIRST_SEED = Number(process.env['FAILOVER_SEED'] ?? 1);

interface Knowledge {
  /** Deliveries of answers to probes. */
  answeredAt: Map<NodeAddress, number>;
  pushing: Map<NodeAddress, number>;
  acked: Map<NodeAddress, number>;
}

/** Checks what must hold of each coordinator's effects, from what was delivered to it. */
function watchInvariants(world: World, label: string): void {
  const known = new Map<SimulatedCoordinator, Knowledge>();
  const of = (coordinator: SimulatedCoordinator): Knowledge => {
    const found = known.get(coordinator);
    if (found !== undefined) return found;
    const fresh = { answeredAt: new Map(), pushing: new Map(), acked: new Map() };
    known.set(coordinator, fresh);
    return fresh;
  };
  const windowMs = (DEFAULT_SETTINGS.missesToReport - 1) * DEFAULT_SETTINGS.missSpacingMs;

  world.onDeliver = (to, input) => {
    const { answeredAt, pushing, acked } = of(to);
    if (input.kind === 'probe-answered') {
      // An answer that arrives twice is old news the second time.
      const probes = to.state.detector.targets.get(input.address)?.probes ?? [];
      if (probes.some(({ id }) => id === input.id)) answeredAt.set(input.address, world.now);
    }
    if (input.kind !== 'pushed' && input.kind !== 'push-failed') return;
    if (pushing.get(input.address) !== input.id) return;
    pushing.delete(input.address);
    const entry = to.state.sync.entries.get(input.address);
    if (input.kind === 'pushed' && entry?.push?.id === input.id) {
      acked.set(input.address, Math.max(acked.get(input.address) ?? 0, entry.push.epoch));
    }
  };

  world.onEffect = (by, effect) => {
    const { answeredAt, pushing, acked } = of(by);
    const where = `${label}, ${by.name} at ${Math.round(world.now)} ms`;
    if (effect.kind === 'failover' || effect.kind === 'report-failure') {
      const silentMs = world.now - (answeredAt.get(effect.address) ?? -Infinity);
      expect(silentMs, `${where}: ${effect.kind} of ${effect.address}`).toBeGreaterThan(windowMs);
      expect(by.state.detector.isBrokerLost, where).toBe(false);
      const targets = [...by.state.detector.targets.values()].filter((t) => !t.isMarkedFailed);
      const failing = targets.filter(
        (t) => t.health.kind === 'suspect' || t.health.kind === 'reported',
      );
      const isMass =
        failing.length >= DEFAULT_SETTINGS.massFailureMin &&
        failing.length > targets.length * DEFAULT_SETTINGS.massFailureRatio;
      // Failovers are decided with the brake of the last look, so only reports are this exact.
      if (effect.kind === 'report-failure') expect(isMass, `${where}: brake`).toBe(false);
    }
    if (effect.kind === 'push') {
      expect(pushing.has(effect.address), `${where}: two pushes to ${effect.address}`).toBe(false);
      expect(effect.meta.epoch, `${where}: old document to ${effect.address}`).toBeGreaterThan(
        acked.get(effect.address) ?? 0,
      );
      pushing.set(effect.address, effect.id);
    }
    if (effect.kind === 'notice' && effect.notice.kind === 'proxy-restarted') {
      acked.delete(effect.notice.address);
    }
    if (effect.kind === 'forget') {
      acked.delete(effect.address);
      pushing.delete(effect.address);
    }
  };
}

function buildWorld(seed: number): World {
  const world = new World(seed);
  // Half of the worlds have a broker that tells changes as they are made.
  world.offersWatch = seed % 2 === 1;
  const [a, b, c, d, ...spares] = PROXIES as [
    NodeAddress,
    NodeAddress,
    NodeAddress,
    NodeAddress,
    ...NodeAddress[],
  ];
  for (const proxy of [a, b, c, d, ...spares]) world.addProxy(proxy);
  world.broker.createCluster('demo', [
    { proxies: [a, b], position: 'normal', parts: [[stable(0, 4095)], [stable(4096, 8191)]] },
    {
      proxies: [c, d],
      position: 'normal',
      parts: [[stable(8192, 12_287)], [stable(12_288, 16_383)]],
    },
  ]);
  world.addCoordinator('left');
  world.addCoordinator('right');
  return world;
}

/** One random misfortune. */
function disturb(world: World): void {
  const { random, broker, faults } = world;
  const proxy = random.pick(PROXIES);
  const model = world.proxy(proxy);
  switch (random.below(10)) {
    case 0:
      model.mode = 'dead';
      break;
    case 1:
      model.mode = 'frozen';
      break;
    case 2:
    case 3:
      if (model.mode === 'dead') world.restart(proxy);
      model.mode = 'up';
      if (random.chance(0.5)) broker.register(proxy);
      break;
    case 4:
      world.restart(proxy);
      break;
    case 5:
      broker.touch('demo');
      break;
    case 6:
      broker.isDown = !broker.isDown;
      break;
    case 7:
      random.pick(world.coordinators).isCutOff = random.chance(0.6);
      break;
    case 8:
      faults.drop = random.next() * 0.2;
      faults.duplicate = random.next() * 0.3;
      break;
    default:
      faults.delayMs = random.chance(0.5) ? 5 : random.next() * 600;
  }
}

function heal(world: World): void {
  Object.assign(world.faults, { drop: 0, duplicate: 0, delayMs: 5 });
  world.broker.isDown = false;
  for (const coordinator of world.coordinators) coordinator.isCutOff = false;
  for (const [proxy, model] of world.proxies) {
    if (model.mode === 'dead') world.restart(proxy);
    model.mode = 'up';
    world.broker.register(proxy);
  }
}

function expectConverged(world: World, label: string): void {
  for (const [proxy, model] of world.proxies) {
    const document = world.broker.document(proxy);
    expect(model.clusterEpoch, `${label}: ${proxy}`).toBe(document?.epoch);
    expect(model.replEpoch, `${label}: ${proxy}`).toBe(document?.epoch);
    expect(model.meta, `${label}: ${proxy}`).toEqual(document);
  }
}

describe('two coordinators under random misfortune', () => {
  test(
    'the invariants hold after each event, and everything converges once it is over',
    () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
        const label = `seed ${seed}`;
        const world = buildWorld(seed);
        watchInvariants(world, label);
        world.run(4000);
        for (let turn = 0; turn < 40; turn++) {
          disturb(world);
          world.run(200 + world.random.next() * 2500);
        }
        heal(world);
        world.run(30_000);
        expectConverged(world, label);
        const calls = world.broker.failoverCalls;
        world.run(10_000);
        expect(world.broker.failoverCalls, label).toBe(calls);
      }
    },
    60_000 + RUNS * 2000,
  );

  test(
    'a coordinator cut off from all proxies reports none of the live ones, also when it is let back',
    () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
        const world = buildWorld(seed);
        world.run(4000);
        const [left] = world.coordinators as [SimulatedCoordinator];
        for (let turn = 0; turn < 6; turn++) {
          left.isCutOff = !left.isCutOff;
          world.run(world.random.next() * 12_000);
        }
        left.isCutOff = false;
        world.run(5000);
        expect(world.notices('failure-reported'), `seed ${seed}`).toEqual([]);
        expect(world.broker.failoverCalls, `seed ${seed}`).toBe(0);
      }
    },
    60_000 + RUNS * 1000,
  );

  test(
    'one coordinator may crash at any time: the other one finishes the failover',
    () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
        const label = `seed ${seed}`;
        const world = buildWorld(seed);
        watchInvariants(world, label);
        world.run(4000);
        const dead = PROXIES[world.random.below(4)]!;
        world.proxy(dead).mode = 'dead';
        world.run(world.random.next() * 2500);
        world.coordinators[0]!.isCrashed = true;
        world.run(10_000);
        expect(world.broker.clusterOfProxy(dead), label).toBeNull();
        for (const proxy of PROXIES.filter((other) => other !== dead)) {
          expect(world.proxy(proxy).meta, label).toEqual(world.broker.document(proxy));
        }
      }
    },
    60_000 + RUNS * 1000,
  );

  test('with a quorum of two, one coordinator alone fails nobody over, and two do', () => {
    const world = new World(5, 2);
    for (const proxy of PROXIES) world.addProxy(proxy);
    const [a, b] = PROXIES as [NodeAddress, NodeAddress];
    world.broker.createCluster('demo', [
      { proxies: [a, b], position: 'normal', parts: [[stable(0, 9)], [stable(10, 16_383)]] },
    ]);
    world.addCoordinator('left');
    world.run(4000);
    world.proxy(a).mode = 'dead';
    world.run(10_000);
    expect(world.broker.failoverCalls).toBe(0);
    world.addCoordinator('right');
    world.run(6000);
    expect(world.broker.clusterOfProxy(a)).toBeNull();
  });
});
