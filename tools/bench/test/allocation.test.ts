import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ALLOCATION_LOADS } from '../src/allocation/allocation-loads.ts';
import { judgeAllocation, type AllocationVerdict } from '../src/allocation/allocation-verdict.ts';
import { measureAllocation } from '../src/allocation/measure-allocation.ts';
import { proxyFile, REPOSITORY } from '../src/programs.ts';

const KEY_COUNT = 1000;
/** A twentieth of ten million requests pipelined, and of a million that are not. */
const SHARE = 0.05;

async function measure(program: string, names: readonly string[]): Promise<AllocationVerdict[]> {
  const loads = ALLOCATION_LOADS.filter(({ name }) => names.includes(name));
  const plan = { program, loads, share: SHARE, hasSites: false, keyCount: KEY_COUNT };
  return (await measureAllocation({ ...plan, onProgress: () => undefined })).map(judgeAllocation);
}

/**
 * Where the proxy's loop over what a client sent begins. A function that it calls is no place for a fault, because
 * commands may pass it by: the name of one that begins like one before it is not looked up.
 */
const EACH_COMMAND = /^( *while \(pos < length && isAccepting\) \{)$/gm;

/** The proxy with a statement at the beginning of what it does for every command. */
async function withStatement(
  statement: string,
  work: (program: string) => Promise<void>,
): Promise<void> {
  const app = path.join(REPOSITORY, 'apps', 'undermoon-proxy');
  const folder = mkdtempSync(path.join(tmpdir(), 'undermoon-bench-allocation-'));
  // The program looks for its manifest and its dependencies beside the folder that it is in.
  for (const name of ['package.json', 'node_modules']) {
    symlinkSync(path.join(app, name), path.join(folder, name));
  }
  cpSync(path.join(app, 'dist'), path.join(folder, 'dist'), { recursive: true });
  const program = path.join(folder, 'dist', 'cli.js');
  const places = readdirSync(path.dirname(program))
    .filter((name) => name.endsWith('.js'))
    .map((name) => insertInto(path.join(path.dirname(program), name), statement))
    .reduce((sum, count) => sum + count, 0);
  try {
    expect(places).toBe(1);
    await work(program);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Returns at how many places. */
function insertInto(file: string, statement: string): number {
  const source = readFileSync(file, 'utf8');
  const count = source.match(EACH_COMMAND)?.length ?? 0;
  if (count > 0) writeFileSync(file, source.replace(EACH_COMMAND, `$1 ${statement}`));
  return count;
}

// Pins processes to cores.
describe.runIf(process.platform === 'linux')(
  'what the proxy allocates',
  { timeout: 120_000 },
  () => {
    it('is within its bounds under every load', async () => {
      const verdicts = await measure(
        proxyFile(REPOSITORY),
        ALLOCATION_LOADS.map(({ name }) => name),
      );
      expect(verdicts).toHaveLength(ALLOCATION_LOADS.length);
      for (const { row, faults } of verdicts) {
        expect(row.allocatedBytes, row.load.name).toBeGreaterThan(0);
        expect(row.turns, row.load.name).toBeGreaterThan(0);
        expect(faults, row.load.name).toEqual([]);
      }
    });

    it('is too much when every command makes one small object', async () => {
      await withStatement('globalThis.wasted = { pos, length };', async (program) => {
        const [verdict] = await measure(program, ['get-64-p16']);
        expect(verdict?.faults).toEqual([expect.stringMatching(/^allocates/)]);
      });
    });

    it('is too much when one command in ten leaves one small object behind', async () => {
      const leak = 'if ((globalThis.calls = (globalThis.calls ?? 0) + 1) % 10 === 0) ';
      const statement = `${leak} (globalThis.kept ??= []).push({ pos, length });`;
      await withStatement(statement, async (program) => {
        const [verdict] = await measure(program, ['get-64-p32']);
        expect(verdict?.faults).toContainEqual(expect.stringMatching(/^keeps/));
      });
    });
  },
);
