import { findEtcd } from '@undermoon/testkit';
import { expect, it } from 'vitest';
import { canMount, runDiskFaults } from '../src/broker-faults/disk-faults.ts';
import { runEtcdFaults } from '../src/broker-faults/etcd-faults.ts';
import { runFileFaults } from '../src/broker-faults/file-faults.ts';
import { printedSeed } from './use-cluster.ts';

// The short form of `pnpm fault-test broker`.
const note = (line: string): void => console.info(line);

it(
  'a broker on a file loses no change to kills and notices damage',
  { timeout: 120_000 },
  async () => {
    const seed = printedSeed('broker-file-faults');
    const counts = await runFileFaults({ seed, kills: 8, mutations: 400, note });
    expect(counts.checks).toBeGreaterThan(8);
    expect(counts.flippedFilesRefused).toBe(1);
  },
);

it.skipIf(!canMount())(
  'a full or read-only disk refuses changes and loses none (skipped unless root)',
  { timeout: 60_000 },
  async () => {
    const counts = await runDiskFaults(printedSeed('broker-disk-faults'));
    expect(counts.refusedOnFullDisk).toBeGreaterThanOrEqual(20);
  },
);

it.skipIf(findEtcd() === null)(
  'brokers on etcd lose no change to the loss of a leader (skipped without an etcd)',
  { timeout: 120_000 },
  async () => {
    const seed = printedSeed('broker-etcd-faults');
    const counts = await runEtcdFaults({ seed, rounds: 3, note });
    expect(counts.checks).toBe(3);
    expect(counts.takeoverMs.max).toBeLessThan(10_000);
  },
);
