import { encodeCommand } from '@undermoon/resp';
import { chooseSeed } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DiffResult, runDiff, textOfDifference } from '../src/diff-run.ts';
import { knownDifferenceOf, knownDifferencesAt } from '../src/known-differences.ts';
import type { Port } from '../src/port.ts';
import { ReplyConnection } from '../src/reply-connection.ts';
import { type Servers, startServers } from '../src/servers.ts';

const RANDOM_SEED = chooseSeed(process.env['DIFF_SEED']);
const RUN_MS = 25_000;
const COVERED_MIN = 0.95;

async function run(seed: number, port: Port): Promise<DiffResult> {
  const startedAt = performance.now();
  return runDiff({
    seed,
    port,
    hasMore: () => performance.now() - startedAt < RUN_MS,
    differencesMax: 3,
    note: () => undefined,
  });
}

describe.each([
  ['the proxy answers as Redis Cluster with one shard', 'cluster'] as const,
  ['the plain port before two shards answers as Redis without cluster mode', 'plain'] as const,
])('%s', (_title, port) => {
  // A difference takes longer: the run is repeated until the shortest program for it is found.
  test.each([['a fixed seed', 1] as const, ['a random seed', RANDOM_SEED] as const])(
    '%s: %i',
    { timeout: 240_000 },
    async (_, seed) => {
      const { differences, coverage } = await run(seed, port);
      expect(differences.map(textOfDifference).join('\n')).toBe('');
      expect(coverage.covered / coverage.supported).toBeGreaterThan(COVERED_MIN);
    },
  );
});

describe.each(['cluster', 'plain'] as const)('known differences at the %s port', (port) => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await startServers(port);
  });
  afterAll(() => servers.stop());

  const list = knownDifferencesAt(port);
  test.each(list)('$name: is still there', async (known) => {
    const [ours, theirs] = await Promise.all(
      [servers.ours, servers.theirs].map((side) => lastReply(side.address, known.witness)),
    );
    const text = `[0] ${known.witness.at(-1)?.join(' ')}`;
    expect(knownDifferenceOf(list, text, ours ?? Buffer.of(), theirs ?? Buffer.of())).toBe(known);
    expect(ours?.toString()).not.toBe(theirs?.toString());
  });
});

async function lastReply(
  address: string,
  commands: readonly (readonly string[])[],
): Promise<Buffer | undefined> {
  const connection = await ReplyConnection.open(address);
  await connection.send(Buffer.concat(commands.map((words) => encodeCommand(words))));
  const replies = await connection.take(commands.length, 5000);
  connection.close();
  return replies.at(-1);
}
