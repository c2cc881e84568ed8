import { describe, expect, it } from 'vitest';
import { measurePush } from '../src/broker/measure-push.ts';
import { measureSize } from '../src/broker/measure-size.ts';
import { coresOf } from '../src/machine.ts';
import { appFile, REPOSITORY } from '../src/programs.ts';

const CORES = coresOf('free').rest;

// Memory of processes and the placing of them are those of Linux.
describe.runIf(process.platform === 'linux')('a tiny run', { timeout: 120_000 }, () => {
  it('has all figures of a broker', async () => {
    const figures = await measureSize({
      program: appFile(REPOSITORY, 'undermoon-broker'),
      cores: CORES,
      proxies: 100,
      pace: { mutations: 5, checks: 5, readsMs: 200 },
    });
    expect(figures.size).toEqual({ proxies: 100, hosts: 10, clusters: 20, chunks: 20 });
    for (const timing of [figures.create, figures.failover, figures.resourceCheck]) {
      expect(timing.count).toBe(5);
      expect(timing.p50Ms).toBeGreaterThan(0);
    }
    expect(figures.diskSync.p99Ms).toBeGreaterThan(0);
    expect(figures.readsPerSecond).toBeGreaterThan(0);
    expect(figures.startMs).toBeGreaterThan(0);
    expect(figures.residentBytes).toBeGreaterThan(2 ** 20);
  });

  it('sees changes reach real proxies', async () => {
    const programs = {
      broker: appFile(REPOSITORY, 'undermoon-broker'),
      coordinator: appFile(REPOSITORY, 'undermoon-coordinator'),
      proxy: appFile(REPOSITORY, 'undermoon-proxy'),
    };
    const push = await measurePush({ programs, cores: CORES, mutations: 3 });
    expect(push.count).toBe(3);
    expect(push.p50Ms).toBeGreaterThan(0);
  });
});
