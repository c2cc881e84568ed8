import { expect, it } from 'vitest';
import { benchmarksPage } from './page.ts';
import { named, workloads } from './workloads.ts';

it('tells when, where and how, then the tables and what the workloads are', () => {
  const report = {
    date: '2030-02-03T04:05:06.000Z',
    machine: { cpu: 'CPU', cores: 2, memoryBytes: 2 ** 34, system: 'Debian', kernel: '6.1' },
    versions: {
      node: '20.1.2',
      redis: '7.0.15',
      redisBenchmark: '7.0.15',
      nutcracker: '0.5.0',
      undermoon: 'abc+',
    },
    isQuick: false,
    rounds: 5,
    rows: [],
    ratios: [],
    verdicts: [],
  };
  const section = { title: 'Table', head: ['a', 'b'], rows: [['1', '2']] };
  const page = benchmarksPage(report, named(workloads(), ['idle']), [section]);
  expect(page).toContain('wrote this page on 2030-02-03.');
  expect(page).toContain('- Machine: CPU, 2 cores, 16 GiB; Debian, Linux 6.1\n');
  expect(page).toContain('nutcracker 0.5.0, redis-benchmark 7.0.15');
  expect(page).toContain('## Table\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n');
  expect(page).toContain('| idle | 10,000 idle connections |');
});
