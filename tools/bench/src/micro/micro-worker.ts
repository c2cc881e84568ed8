// Takes a checkout, runs the cases of its bench files and prints nanoseconds of CPU per operation as JSON.
import { writeSync } from 'node:fs';
import { median } from '../statistics.ts';
import { loadCases, type MicroCase } from './micro-cases.ts';

const WARM_UP_MS = 80;
const SAMPLE_MS = 15;
const SAMPLES = 5;

const [checkout = '.'] = process.argv.slice(2);
const figures: Record<string, number> = {};
for (const one of await loadCases(checkout)) figures[one.name] = measure(one);
writeSync(1, `${JSON.stringify(figures)}\n`);

function measure({ run, operations }: MicroCase): number {
  const warmUpEndsAt = performance.now() + WARM_UP_MS;
  while (performance.now() < warmUpEndsAt) run();
  const samples = Array.from({ length: SAMPLES }, () => {
    let calls = 0;
    // CPU time, not that of the clock: other processes count less.
    const before = process.cpuUsage();
    const endsAt = performance.now() + SAMPLE_MS;
    for (; performance.now() < endsAt; calls += 10) for (let i = 0; i < 10; i += 1) run();
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / (calls * operations);
  });
  return median(samples);
}
