import { describe, expect, it } from 'vitest';
import { proxyFile, REPOSITORY } from '../src/programs.ts';
import { measureRounds } from '../src/rounds.ts';
import { summarize } from '../src/samples.ts';
import type { Workload } from '../src/workloads.ts';

const PART = { connections: 5, pipeline: 4, words: ['GET', 'v64:__rand_int__'], isKeptAlive: true };
const COMMON = { title: '', isQuick: true, placements: ['free'], shards: 1 } as const;

const WORKLOADS: readonly Workload[] = [
  {
    ...COMMON,
    name: 'flood',
    load: { kind: 'flood', parts: [PART] },
    targets: ['direct', 'undermoon'],
  },
  {
    ...COMMON,
    name: 'mixed',
    load: { kind: 'flood', parts: [PART, { ...PART, words: ['SET', 'v64:__rand_int__', 'v'] }] },
    targets: ['undermoon'],
    shards: 2,
  },
  {
    ...COMMON,
    name: 'rate',
    load: { kind: 'rate', requestsPerSecond: 2000, connections: 4 },
    targets: ['undermoon'],
  },
  {
    ...COMMON,
    name: 'cold',
    load: { kind: 'cold', part: PART, requests: 1000 },
    targets: ['undermoon'],
  },
  { ...COMMON, name: 'idle', load: { kind: 'idle', connections: 200 }, targets: ['undermoon'] },
];

// Counters of processes and the placing of them are those of Linux.
describe.runIf(process.platform === 'linux')(
  'a tiny run on real servers',
  { timeout: 120_000 },
  () => {
    it('has all figures of every row', async () => {
      const seen: string[] = [];
      const rows = await measureRounds({
        workloads: WORKLOADS,
        rounds: 1,
        makeUpRounds: 0,
        pace: { sampleMs: 1000, requests: 2000, rateWarmUpMs: 200, rateMs: 500 },
        programs: { undermoon: proxyFile(REPOSITORY), base: null, nutcracker: null },
        keyCount: 1000,
        onProgress: ({ name }) => void seen.push(name),
        onFailure: (name, error) => expect.unreachable(`${name}: ${error.message}`),
      });
      expect(seen).toEqual([
        'free flood direct',
        'free flood undermoon',
        'free mixed undermoon',
        // In slices.
        ...Array.from({ length: 4 }, () => 'free rate undermoon'),
        'free cold undermoon',
        'free idle undermoon',
      ]);
      const figures = new Map(
        rows.map(summarize).map(({ placement, workload, target, figures: found }) => {
          return [`${placement} ${workload} ${target}`, found];
        }),
      );
      const median = (name: string, metric: keyof ReturnType<typeof summarize>['figures']) => {
        return figures.get(name)?.[metric]?.median;
      };
      expect(median('free flood direct', 'rps')).toBeGreaterThan(0);
      expect(median('free flood direct', 'redisCpuUs')).toBeGreaterThan(0);
      expect(median('free flood direct', 'proxyCpuUs')).toBeUndefined();
      for (const name of ['free flood', 'free mixed', 'free cold']) {
        expect(median(`${name} undermoon`, 'proxyCpuUs'), name).toBeGreaterThan(0);
        expect(median(`${name} undermoon`, 'p99Ms'), name).toBeGreaterThan(0);
        expect(median(`${name} undermoon`, 'proxyRssBytes'), name).toBeGreaterThan(2 ** 20);
      }
      const rate = rows.find(({ workload }) => workload === 'rate')?.samples[0]?.figures;
      expect(rate?.p50Ms).toBeGreaterThan(0);
      expect(rate?.p999Ms).toBeGreaterThanOrEqual(rate?.p50Ms ?? Infinity);
      expect(median('free cold undermoon', 'startMs')).toBeGreaterThan(0);
      expect(median('free idle undermoon', 'connectionBytes')).toBeTypeOf('number');
    });
  },
);
