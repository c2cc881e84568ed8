import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { RunningCluster } from '../src/running-cluster.ts';
import { chooseSeed } from '@undermoon/testkit';

const START_TIMEOUT_MS = 90_000;

/** A cluster for all tests of a file. A failed test shows what the programs logged last. */
export function useCluster<T extends RunningCluster>(start: () => Promise<T>): () => T {
  let cluster: T | null = null;
  const running = (): T => {
    if (cluster === null) throw new Error('the cluster did not start');
    return cluster;
  };
  beforeAll(async () => {
    cluster = await start();
  }, START_TIMEOUT_MS);
  beforeEach(({ onTestFailed }) => {
    onTestFailed(() => console.error(running().logTails()));
  });
  afterAll(() => cluster?.stop());
  return running;
}

/** The seed of a test, printed so that the run can be repeated. */
export function printedSeed(what: string): number {
  const seed = chooseSeed(process.env['E2E_SEED']);
  console.info(`${what}: seed ${seed} (to repeat it: E2E_SEED=${seed})`);
  return seed;
}

/** The nodes that a client starts from: all proxies, since it comes back to these when it has lost all it knew. */
export function startNodes(cluster: RunningCluster): readonly string[] {
  return cluster.proxies.map(({ address }) => address);
}
