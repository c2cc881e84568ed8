import { describe, expect, it } from 'vitest';

import { HealthFollower, isTrouble, metadataEvents, textOf } from './events.ts';
import { DEMO, failedOver, wholeCluster } from '../../test/sights.ts';

describe('metadataEvents', () => {
  it('tells nothing when nothing changed', () => {
    expect(metadataEvents(wholeCluster(), wholeCluster(), DEMO)).toEqual([]);
  });

  it('tells a failover with its replacement', () => {
    expect(metadataEvents(wholeCluster(), failedOver(), DEMO)).toEqual([
      { event: 'epoch-changed', cluster: 'demo', epoch: 9, previous: 5 },
      { event: 'failover', cluster: 'demo', failed: 'h:1', promoted: ['h:22'] },
      { event: 'proxy-replaced', cluster: 'demo', removed: 'h:1', added: 'h:3' },
    ]);
  });

  it('tells a failover without a spare proxy, and the replacement when it comes', () => {
    const [first, second, spare] = wholeCluster().proxies;
    const roles = failedOver().proxies[1]!.nodes;
    const failed = {
      ...first!,
      wantedEpoch: 6,
      nodes: first!.nodes.map((node) => ({ ...node, slotCount: 0 })),
    };
    const flipped = {
      ...wholeCluster(),
      proxies: [failed, { ...second!, wantedEpoch: 6, nodes: roles }, spare!],
    };
    expect(metadataEvents(wholeCluster(), flipped, DEMO).slice(1)).toEqual([
      { event: 'failover', cluster: 'demo', failed: 'h:1', promoted: ['h:22'] },
    ]);
    expect(metadataEvents(flipped, failedOver(), DEMO).slice(1)).toEqual([
      { event: 'proxy-replaced', cluster: 'demo', removed: 'h:1', added: 'h:3' },
    ]);
  });
});

describe('a cluster that is deleted', () => {
  const whole = wholeCluster();
  const deleted = {
    ...whole,
    clusters: [],
    proxies: whole.proxies.map((proxy) => ({ ...proxy, cluster: null })),
  };

  it('is told as deleted and created, not as failovers', () => {
    expect(metadataEvents(whole, deleted, DEMO)).toEqual([
      { event: 'cluster-deleted', cluster: 'demo' },
    ]);
    expect(metadataEvents(deleted, deleted, DEMO)).toEqual([]);
    expect(metadataEvents(deleted, whole, DEMO)).toEqual([
      { event: 'cluster-created', cluster: 'demo' },
    ]);
  });

  it('is not unhealthy', () => {
    const health = new HealthFollower(DEMO);
    expect(health.follow(deleted, 1000)).toEqual([]);
    expect(health.follow(whole, 2000)).toEqual([]);
  });
});

it('tells no failover when slots were moved to another master', () => {
  const whole = wholeCluster();
  const [first, second, spare] = whole.proxies;
  const emptied = {
    ...first!,
    nodes: first!.nodes.map((node) => ({ ...node, slotCount: 0, slots: '' })),
  };
  expect(metadataEvents(whole, { ...whole, proxies: [emptied, second!, spare!] }, DEMO)).toEqual(
    [],
  );
});

describe('HealthFollower', () => {
  it('tells each change once, with the time in between', () => {
    const whole = wholeCluster();
    const broken = { ...whole, proxies: whole.proxies.map((proxy) => ({ ...proxy, epoch: null })) };
    const health = new HealthFollower(DEMO);
    expect(health.follow(whole, 1000)).toEqual([]);
    expect(health.follow(broken, 2000)).toMatchObject([{ event: 'cluster-unhealthy' }]);
    expect(health.follow(broken, 3000)).toEqual([]);
    expect(health.follow(whole, 4500)).toEqual([
      { event: 'cluster-healthy', cluster: 'demo', afterMs: 2500 },
    ]);
    expect(health.follow(whole, 5000)).toEqual([]);
  });
});

describe('events as text', () => {
  const exit = { address: 'h:1', pid: 7, code: null, signal: 'SIGKILL' };

  it('names the process, how it ended, and what that means', () => {
    expect(textOf({ event: 'proxy-exited', ...exit })).toBe(
      'proxy h:1 (pid 7) was ended by SIGKILL',
    );
    expect(textOf({ event: 'coordinator-exited', ...exit, left: 1 })).toContain(
      'the other one goes on',
    );
    expect(textOf({ event: 'coordinator-exited', ...exit, left: 0 })).toContain(
      'there is no failover',
    );
    expect(textOf({ event: 'broker-exited', ...exit, code: 1, signal: null })).toContain(
      'ended with exit code 1: clients go on',
    );
  });

  it('says what was done to the cluster', () => {
    expect(textOf({ event: 'cluster-deleted', cluster: 'demo' })).toBe(
      'demo was deleted; its processes go on',
    );
    expect(textOf({ event: 'cluster-created', cluster: 'demo' })).toBe('demo was created again');
  });

  it('tells trouble from news', () => {
    expect(isTrouble({ event: 'redis-exited', ...exit, proxy: 'h:2' })).toBe(true);
    expect(isTrouble({ event: 'cluster-unhealthy', cluster: 'demo', problems: [] })).toBe(true);
    expect(isTrouble({ event: 'broker-reachable' })).toBe(false);
    expect(isTrouble({ event: 'cluster-healthy', cluster: 'demo', afterMs: 1 })).toBe(false);
  });
});
