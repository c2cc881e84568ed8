import { encodeCommand } from '@undermoon/resp';
import { chooseSeed } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DiffResult, runDiff, textOfDifference } from '../src/diff-run.ts';
import { knownDifferenceOf, knownDifferencesAt } from '../src/known-differences.ts';
import type { Port } from '../src/port.ts';
import { ReplyConnection } from '../src/reply-connection.ts';
import { plainUnit, requestOf } from '../src/program.ts';
import { Runner } from '../src/runner.ts';
import { type Servers, startServers } from '../src/servers.ts';

const RANDOM_SEED = chooseSeed(process.env['DIFF_SEED']);
const RUN_MS = 30_000;
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

describe.each(['cluster', 'plain'] as const)('at the %s port', (port) => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await startServers(port);
  });
  afterAll(() => servers.stop());

  test('keys whose time has passed count on both sides until a command meets them', async () => {
    const runner = new Runner(servers.ours, servers.theirs, []);
    await runner.reset();
    const lines = [
      ['SET a 1 EXAT 1', 'set'],
      ['SET b 1 PXAT 1', 'set'],
      ['DBSIZE', 'dbsize'],
      ['GET a', 'get'],
      ['DBSIZE', 'dbsize'],
      ['CLUSTER COUNTKEYSINSLOT 1', 'cluster|countkeysinslot'],
      ['DBSIZE', 'dbsize'],
      ['SET a 1 EXAT 1', 'set'],
      ['RANDOMKEY', 'randomkey'],
      ['DBSIZE', 'dbsize'],
    ] as const;
    const units = lines.map(([line, name]) => {
      const words = line.split(' ').map((word) => Buffer.from(word));
      return plainUnit(0, requestOf(words, false), 'exact', [name]);
    });
    // The server looks for such keys ten times a second if it may.
    for (let i = 0; i < 200; i++) expect(await runner.runBatch({ units, cutSeed: i })).toBe(null);
  });

  const list = knownDifferencesAt(port);
  test.each(list)('known difference, $name: is still there', async (known) => {
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
