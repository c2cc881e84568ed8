import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BrokerClientError, createBrokerClient } from '@undermoon/broker-api/client';
import { expect, test } from 'vitest';
import { address } from './store-fixture.ts';

const CHILD = fileURLToPath(new URL('crash-child.ts', import.meta.url));
const ROUNDS = 3;
const WRITERS = 6;

async function startChild(path: string): Promise<{ child: ChildProcess; at: string }> {
  const options = ['--import', 'tsx', '--conditions', '@undermoon/source', CHILD, path];
  const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  assert(child.stdout !== null);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, at: line.toString().trim() };
}

test('LIM-1: a broker killed under load keeps every mutation that it acknowledged', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'undermoon-crash-'));
  const path = join(directory, 'metadata');
  const acknowledged = new Set<string>();
  let acknowledgedEpoch = 0;
  let next = 0;
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const { child, at } = await startChild(path);
      const exited = once(child, 'exit');
      const client = createBrokerClient({ brokers: [at] });
      try {
        const kept = new Set<string>(await client.proxyAddresses());
        for (const proxy of acknowledged)
          assert(kept.has(proxy), `round ${round}: ${proxy} is lost`);
        assert((await client.epoch()) >= acknowledgedEpoch, 'the epoch fell');
        const target = acknowledged.size + 25 + 13 * round;
        const write = async (): Promise<void> => {
          for (;;) {
            const proxyAddress = `10.${round}.0.0:${++next}`;
            const nodes = [address(`n:${next}`), address(`m:${next}`)] as const;
            try {
              await client.addProxy({ proxyAddress, nodes });
            } catch (error) {
              assert(error instanceof BrokerClientError);
              return;
            }
            acknowledged.add(proxyAddress);
            // Somewhere in the middle of what the other writers do.
            if (acknowledged.size === target) child.kill('SIGKILL');
          }
        };
        if (round < ROUNDS) {
          await Promise.all(Array.from({ length: WRITERS }, write));
          acknowledgedEpoch = acknowledged.size;
        }
      } finally {
        child.kill('SIGKILL');
        await exited;
        await client.close();
      }
    }
    expect(acknowledged.size).toBeGreaterThan(100);
    expect(
      (await readdir(directory)).filter((name) => name.includes('.tmp-')).length,
    ).toBeLessThanOrEqual(2);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
