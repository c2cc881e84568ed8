import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffMs, dueJobs, jittered, newJob, retarget, spread } from './schedule.ts';

const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('schedule', () => {
  test('back-off doubles up to its limit, within the jitter', () => {
    const limits = { minMs: 1000, maxMs: 15_000 };
    expect([1, 2, 3, 4, 5, 6, 99].map((attempts) => backoffMs(attempts, limits, 0.5))).toEqual([
      1000, 2000, 4000, 8000, 15_000, 15_000, 15_000,
    ]);
    fc.assert(
      fc.property(fc.nat(5000), draws, (attempts, draw) => {
        const pause = backoffMs(attempts, limits, draw);
        expect(pause).toBeGreaterThanOrEqual(900);
        expect(pause).toBeLessThanOrEqual(16_500);
      }),
    );
  });

  test('jitter is at most a tenth, and spread draws stay in range and apart', () => {
    fc.assert(
      fc.property(draws, fc.nat(10_000), (draw, index) => {
        const next = spread(draw, index);
        expect(next).toBeGreaterThanOrEqual(0);
        expect(next).toBeLessThan(1);
        expect(Math.abs(jittered(1000, next) - 1000)).toBeLessThanOrEqual(100);
      }),
    );
    expect(new Set([0, 1, 2, 3].map((index) => spread(0.3, index).toFixed(2))).size).toBe(4);
  });

  test('jobs that are due run under a cap, the longest due ones first', () => {
    const jobs = new Map([
      ['late', { ...newJob(0), nextAt: 10 }],
      ['later', { ...newJob(0), nextAt: 5 }],
      ['running', { ...newJob(0), runningId: 1 }],
      ['future', { ...newJob(0), nextAt: 99 }],
      ['unfit', newJob(0)],
    ]);
    const isEligible = (key: string): boolean => key !== 'unfit';
    expect(dueJobs(jobs, 20, 10, isEligible)).toEqual(['later', 'late']);
    expect(dueJobs(jobs, 20, 2, isEligible)).toEqual(['later']);
    expect(dueJobs(jobs, 20, 1, isEligible)).toEqual([]);
  });

  test('retargeting keeps what stays, creates what is new, and names what went', () => {
    const before = new Map([
      ['a', 1],
      ['b', 2],
    ]);
    const { map, gone } = retarget(before, new Set(['b', 'c']), () => 9);
    expect([...map]).toEqual([
      ['b', 2],
      ['c', 9],
    ]);
    expect(gone).toEqual(['a']);
    expect(retarget(before, new Set(['a', 'b']), () => 9).map).toBe(before);
  });
});
