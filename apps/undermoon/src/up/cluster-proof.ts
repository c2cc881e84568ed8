import { hostOf, portOf, type NodeAddress } from '@undermoon/cluster-meta';
import { Cluster } from 'ioredis';

import { CommandError } from '../errors.ts';

/** Keys that are written and read. */
export const PROOF_KEY_COUNT = 10_000;

const BATCH = 1000;
const COMMAND_TIMEOUT_MS = 10_000;

/**
 * Writes keys over all slots through a stock cluster client that knows one proxy only, reads them back and
 * deletes them.
 * @throws CommandError PROOF_FAILED, with the key
 */
export async function proveCluster(seed: NodeAddress): Promise<void> {
  const client = new Cluster([{ host: hostOf(seed), port: portOf(seed) }], {
    lazyConnect: true,
    enableAutoPipelining: true,
    slotsRefreshTimeout: COMMAND_TIMEOUT_MS,
    redisOptions: { commandTimeout: COMMAND_TIMEOUT_MS },
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await inBatches(async (index) =>
      expectReply(keyOf(index), await client.set(keyOf(index), valueOf(index)), 'OK'),
    );
    await inBatches(async (index) =>
      expectReply(keyOf(index), await client.get(keyOf(index)), valueOf(index)),
    );
    await inBatches(async (index) => expectReply(keyOf(index), await client.del(keyOf(index)), 1));
  } catch (error) {
    if (error instanceof CommandError || !(error instanceof Error)) throw error;
    throw new CommandError(
      'PROOF_FAILED',
      `a cluster client could not use the cluster: ${error.message}`,
      {
        cause: error,
      },
    );
  } finally {
    client.disconnect();
  }
}

function keyOf(index: number): string {
  return `undermoon:proof:${index}`;
}

function valueOf(index: number): string {
  return `value ${index}`;
}

async function inBatches(run: (index: number) => Promise<void>): Promise<void> {
  for (let start = 0; start < PROOF_KEY_COUNT; start += BATCH) {
    await Promise.all(Array.from({ length: BATCH }, (_, offset) => run(start + offset)));
  }
}

function expectReply(key: string, reply: string | number | null, wanted: string | number): void {
  if (reply === wanted) return;
  throw new CommandError(
    'PROOF_FAILED',
    `key ${key}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(reply)}`,
  );
}
