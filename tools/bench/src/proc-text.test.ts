import { describe, expect, it } from 'vitest';
import {
  parseCpuList,
  parseKilobytes,
  parseProcessCpu,
  parseSchedstat,
  parseSystemCpu,
} from './proc-text.ts';

describe('texts of /proc', () => {
  it('adds up what runs, and keeps what was stolen apart', () => {
    const text = 'cpu  100 20 30 4000 50 6 7 8 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n';
    expect(parseSystemCpu(text)).toEqual({ busyUs: 163 * 10_000, stealUs: 80_000 });
    expect(() => parseSystemCpu('intr 1\n')).toThrow('no line "cpu"');
  });

  it('finds the times of a process whose name holds blanks and brackets', () => {
    const text = '42 (a) (b c) R 1 42 42 0 -1 0 2556 0 0 0 51 2 30 4 20 0 7 0 1 2 3';
    expect(parseProcessCpu(text)).toEqual({ ownUs: 530_000, endedChildrenUs: 340_000 });
  });

  it('reads nanoseconds, kilobytes and lists of cores', () => {
    expect(parseSchedstat('542423669 402668743 604\n')).toBeCloseTo(542_423.669);
    expect(parseKilobytes('x [rollup]\nRss:    47204 kB\nPss: 1 kB\n', 'Rss')).toBe(47_204 * 1024);
    expect(parseKilobytes('Pss: 1 kB\n', 'Rss')).toBeNull();
    expect(parseCpuList('0-2,5')).toEqual([0, 1, 2, 5]);
  });
});
