import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CommandError } from '../errors.ts';
import { planCluster, type PlanRequest } from './plan.ts';

const REQUEST: PlanRequest = {
  cluster: 'demo',
  nodeCount: 4,
  sparePairCount: 1,
  proxyPort: 7001,
  brokerPort: 7799,
};

function refusal(change: Partial<PlanRequest>): string {
  try {
    planCluster({ ...REQUEST, ...change });
  } catch (error) {
    if (error instanceof CommandError && error.code === 'USAGE') return error.message;
    throw error;
  }
  return 'no refusal';
}

describe('planCluster', () => {
  it('lays out one chunk and a spare pair by default', () => {
    const plan = planCluster(REQUEST);
    expect(plan.broker).toEqual({ name: 'broker', address: '127.0.0.1:7799' });
    expect(plan.coordinators).toEqual([
      { name: 'coordinator-1', address: '127.0.0.1:7800' },
      { name: 'coordinator-2', address: '127.0.0.1:7801' },
    ]);
    expect(plan.proxies).toHaveLength(4);
    expect(plan.proxies[1]).toEqual({
      name: 'proxy-7002',
      address: '127.0.0.1:7002',
      replicaAddress: '127.0.0.1:8802',
      host: 'host-2',
      redis: [
        { name: 'redis-8003', address: '127.0.0.1:8003' },
        { name: 'redis-8004', address: '127.0.0.1:8004' },
      ],
    });
  });

  it('gives every process a port of its own, every proxy a host of its own', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(20), (chunks, sparePairCount) => {
        const plan = planCluster({ ...REQUEST, nodeCount: 4 * chunks, sparePairCount });
        const proxyCount = 2 * chunks + 2 * sparePairCount;
        expect(plan.proxies).toHaveLength(proxyCount);
        expect(new Set(plan.proxies.map(({ host }) => host)).size).toBe(proxyCount);
        expect(new Set(plan.ports.map(({ port }) => port)).size).toBe(4 * proxyCount + 3);
        expect(new Set(plan.ports.map(({ owner }) => owner)).size).toBe(4 * proxyCount + 3);
      }),
    );
  });

  it('refuses sizes that are no whole chunks', () => {
    for (const nodeCount of [0, 2, 6, -4]) {
      expect(refusal({ nodeCount })).toContain(`--nodes: expected a multiple of 4`);
    }
  });

  it('refuses names that are none', () => {
    expect(refusal({ cluster: 'a b' })).toBe(
      '--cluster: expected 1 to 31 characters out of A-Z a-z 0-9 @ - _, got "a b"',
    );
  });

  it('refuses ports that meet, with both options', () => {
    expect(refusal({ brokerPort: 7002 })).toBe(
      'port 7002 would be used by both broker (--broker-port) and proxy-7002 (--port); choose others',
    );
    expect(refusal({ nodeCount: 4000 })).toContain('(--port)');
  });

  it('puts the coordinators on the next ports that nobody else has', () => {
    const { coordinators } = planCluster({ ...REQUEST, proxyPort: 21_001, brokerPort: 21_999 });
    expect(coordinators.map(({ address }) => address)).toEqual([
      '127.0.0.1:22000',
      '127.0.0.1:22009',
    ]);
  });

  it('refuses ports past the last one', () => {
    expect(refusal({ proxyPort: 64_535 })).toBe(
      'proxy-64535 as a replica would listen on port 66335: the last port is 65535',
    );
    expect(planCluster({ ...REQUEST, proxyPort: 63_732 }).ports.at(-1)?.port).toBe(65_535);
  });
});
