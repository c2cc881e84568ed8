import { describe, expect, it } from 'vitest';

import {
  brokerProblemOf,
  healthOf,
  movesOf,
  problemsOf,
  type NodeSight,
  type ProxySight,
} from './snapshot.ts';
import { statusTable } from './status-table.ts';
import { address, DEMO, failedOver, wholeCluster } from '../../test/sights.ts';

/** The whole cluster with one proxy, or one Redis server, changed. */
function withProxy(
  index: number,
  change: Partial<ProxySight>,
  nodeIndex = -1,
  node: Partial<NodeSight> = {},
) {
  const cluster = wholeCluster();
  const proxies = cluster.proxies.map((proxy, at) => {
    if (at !== index) return proxy;
    const nodes = proxy.nodes.map((old, i) => (i === nodeIndex ? { ...old, ...node } : old));
    return { ...proxy, nodes, ...change };
  });
  return { ...cluster, proxies };
}

describe('problemsOf', () => {
  it('has none for whole clusters, whatever free and failed proxies are like', () => {
    expect(problemsOf(wholeCluster(), DEMO)).toEqual([]);
    expect(problemsOf(failedOver(), DEMO)).toEqual([]);
    expect(problemsOf(withProxy(2, { epoch: null, coveredSlots: null }), DEMO)).toEqual([]);
  });

  it('names a cluster that is not there', () => {
    expect(problemsOf({ ...wholeCluster(), proxies: [] }, DEMO)).toEqual([
      'there is no cluster demo',
    ]);
  });

  it.each([
    [{ epoch: null }, 'proxy h:1 does not answer', 'no answer'],
    [{ isFailed: true }, 'proxy h:1 is marked as failed', 'failed'],
    [{ epoch: 4 }, 'proxy h:1 has metadata of epoch 4, not yet 5', 'behind'],
    [{ coveredSlots: 8192 }, 'proxy h:1 knows the owners of 8192 of 16384 slots', 'not serving'],
    [{ coveredSlots: null }, 'proxy h:1 knows the owners of 0 of 16384 slots', 'not serving'],
    [
      { coveredSlots: null, asksPassword: true },
      'proxy h:1 asks for a password: UNDERMOON_PASSWORD',
      'asks for password',
    ],
    [
      { replicaAddress: address('h:91'), isReplicaAddressUp: false },
      'proxy h:1 does not answer at its replica_address h:91',
      'no replica address',
    ],
  ] as const)('proxy %j', (change, problem, health) => {
    const snapshot = withProxy(0, change);
    expect(problemsOf(snapshot, DEMO)).toEqual([problem]);
    expect(healthOf(snapshot.proxies[0]!)).toBe(health);
  });

  it.each([
    [0, null, 'Redis server h:11 does not answer'],
    [
      0,
      { role: 'replica', masterAddress: 'h:22', isLinkUp: true },
      'Redis server h:11 is still a replica, not a master',
    ],
    [
      1,
      { role: 'master', masterAddress: null, isLinkUp: false },
      'Redis server h:12 is still a master, not a replica',
    ],
    [
      1,
      { role: 'replica', masterAddress: 'h:99', isLinkUp: true },
      'Redis server h:12 follows h:99, not h:21',
    ],
    [
      1,
      { role: 'replica', masterAddress: 'h:21', isLinkUp: false },
      'Redis server h:12 is not yet in sync with h:21',
    ],
  ] as const)('Redis server %i %j', (index, replication, problem) => {
    const snapshot = withProxy(0, {}, index, { replication });
    expect(problemsOf(snapshot, DEMO)).toEqual([problem]);
    expect(healthOf(snapshot.proxies[0]!)).toBe('replica out of sync');
  });

  it('tells of a broker with older metadata than proxies have', () => {
    expect(brokerProblemOf(wholeCluster())).toBeNull();
    expect(brokerProblemOf({ ...wholeCluster(), epoch: 4 })).toBe(
      "proxy h:1 and 2 more had newer metadata (epoch 5) and refuses the broker's; " +
        'PUT /api/v3/epoch/recovery mends that',
    );
  });

  it('names Redis servers that ask for a password', () => {
    const snapshot = withProxy(0, {}, 1, { replication: null, asksPassword: true });
    expect(problemsOf(snapshot, DEMO)).toEqual([
      'Redis server h:12 asks for a password: UNDERMOON_BACKEND_PASSWORD',
    ]);
    expect(healthOf(snapshot.proxies[0]!)).toBe('asks for password');
  });

  it('counts slots without an owner', () => {
    expect(problemsOf(withProxy(0, {}, 0, { slotCount: 8000 }), DEMO)).toEqual([
      '16192 of 16384 slots have an owner',
    ]);
  });
});

describe('statusTable', () => {
  it('has a line for each Redis server, and colors only on demand', () => {
    const text = statusTable(wholeCluster(), { hasColor: false });
    expect(text.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['PROXY', 'CLUSTER', 'EPOCH', 'HEALTH', 'REDIS', 'SHARD', 'ROLE', 'SLOTS'],
      ['h:1', 'demo', '5', 'ok', 'h:11', '1', 'master', '0-8191'],
      ['', 'h:12', '2', 'replica'],
      ['h:2', 'demo', '5', 'ok', 'h:21', '2', 'master', '8192-16383'],
      ['', 'h:22', '1', 'replica'],
    ]);
    expect(statusTable(wholeCluster(), { hasColor: true })).toContain('\u001B[32mok\u001B[0m');
  });
});

it('shows addresses of replicas where there are some, and moves beside the slots', () => {
  const move = { slots: '0-99', slotCount: 100, direction: 'to', node: address('h:31') } as const;
  const arrival = { ...move, direction: 'from', node: address('h:11') } as const;
  const moving = withProxy(0, { replicaAddress: address('h:91') }, 0, { moves: [move] });
  const text = statusTable(moving, { hasColor: false });
  expect(
    text
      .split('\n')
      .map((line) => line.split(/ {2,}/))
      .slice(0, 4),
  ).toEqual([
    ['PROXY', 'REPLICAS AT', 'CLUSTER', 'EPOCH', 'HEALTH', 'REDIS', 'SHARD', 'ROLE', 'SLOTS'],
    ['h:1', 'h:91', 'demo', '5', 'ok', 'h:11', '1', 'master', '0-8191 (0-99 to h:31)'],
    ['', 'h:12', '2', 'replica'],
    ['h:2', '-', 'demo', '5', 'ok', 'h:21', '2', 'master', '8192-16383'],
  ]);
  expect(movesOf(moving, DEMO)).toEqual([
    { slots: '0-99', slotCount: 100, from: 'h:11', to: 'h:31' },
  ]);
  expect(movesOf(withProxy(1, {}, 0, { moves: [arrival] }), DEMO)).toEqual([]);
});
