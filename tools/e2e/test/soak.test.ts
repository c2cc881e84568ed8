import { expect, it } from 'vitest';
import { runSoak } from '../src/soak-run.ts';
import { printedSeed } from './use-cluster.ts';

const ROUNDS = 3;

it('a short soak breaks no promise', { timeout: 180_000 }, async () => {
  const result = await runSoak({
    seed: printedSeed('soak'),
    port: 26_450,
    client: 'ioredis',
    hasMore: (rounds) => rounds < ROUNDS,
    note: (line) => console.info(line),
  });
  expect(result.rounds).toBe(ROUNDS);
  expect(result.replies).toBeGreaterThan(1000);
});
