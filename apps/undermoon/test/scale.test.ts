import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { createBrokerClient, type BrokerClient } from '@undermoon/broker-api/client';
import { parseClusterName, parseNodeAddress } from '@undermoon/cluster-meta';
import { startProgram, type ProgramEnd, type RunningProgram } from '@undermoon/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
const BROKER = fileURLToPath(new URL('../../undermoon-broker/src/cli.ts', import.meta.url));
const directory = mkdtempSync(path.join(tmpdir(), 'undermoon-scale-'));
let program: RunningProgram;
let broker = '';

// A broker with the cluster demo on two of six registered proxies, which need not run.
beforeAll(async () => {
  program = startProgram(BROKER, ['--address', '127.0.0.1:0'], { cwd: directory });
  broker = /127\.0\.0\.1:\d+/.exec(await program.firstLine)?.[0] ?? '';
  const client = createBrokerClient({ brokers: [broker] });
  for (let n = 1; n <= 6; n++) await client.addProxy(proxyRequest(n));
  await client.createCluster(parseClusterName('demo')!, 4);
  await client.close();
});
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

// On proxies of its own, with four nodes that have no slots.
async function createClusterOf8(): Promise<void> {
  const client = createBrokerClient({ brokers: [broker] });
  for (let n = 7; n <= 10; n++) await client.addProxy(proxyRequest(n));
  await client.createCluster(parseClusterName('two')!, 4);
  await client.addNodes(parseClusterName('two')!, 4);
  await client.close();
}

function proxyRequest(n: number): Parameters<BrokerClient['addProxy']>[0] {
  const [first, second] = [`10.0.0.${n}:7001`, `10.0.0.${n}:7002`].map(parseNodeAddress);
  return { proxyAddress: `10.0.0.${n}:6001`, nodes: [first!, second!] };
}

const run = (...argv: string[]): Promise<ProgramEnd> =>
  startProgram(CLI, [...argv, '--broker', `http://${broker}`], { cwd: directory }).ended;

// Nine programs, one after another, which start in seconds on a busy machine.
it('previews, adds, rebalances, pauses and cancels', { timeout: 240_000 }, async () => {
  const preview = await run('cluster', 'scale', 'demo', '--nodes', '8', '--dry-run');
  expect(preview).toMatchObject({ code: 0, stderr: '' });
  expect(preview.stdout).toContain('would have 8 nodes\njoining: 10.0.0.3:6001 10.0.0.4:6001\n');
  expect(preview.stdout).toContain('slots to move: 8192\n');
  expect(preview.stdout).toMatch(/10\.0\.0\.1:7001 +10\.0\.0\.3:7001 +4096 +4096-8191\n/);
  const added = await run('cluster', 'add-nodes', 'demo', '--nodes', '4', '--json');
  expect(JSON.parse(added.stdout)).toEqual({
    added: 'demo',
    nodeNumber: 4,
    proxies: ['10.0.0.3:6001', '10.0.0.4:6001'],
  });
  const planned = await run('cluster', 'rebalance', 'demo', '--json');
  expect(JSON.parse(planned.stdout)).toEqual({ rebalanced: 'demo', migrations: 2 });
  const paused = await run('cluster', 'migrations', 'demo', '--pause');
  expect(paused.stdout).toMatch(/ 4096-8191 +runs\n.* 12288-16383 +paused\n$/);
  const info = await run('cluster', 'info', 'demo');
  expect(info.stdout).toMatch(/ master +0-8191 \(4096-8191 to 10\.0\.0\.3:7001\)\n/);
  expect(info.stdout).toMatch(/ 10\.0\.0\.3:7001 +master +\(4096-8191 from 10\.0\.0\.1:7001\)\n/);
  const again = await run('cluster', 'scale', 'demo', '--nodes', '8');
  expect(again).toMatchObject({ code: 1, stdout: '' });
  expect(again.stderr).toContain('its --cancel drops what was not handed over yet\n');
  const cancelled = await run('cluster', 'migrations', 'demo', '--cancel', '--json');
  expect(JSON.parse(cancelled.stdout)).toEqual({
    cluster: 'demo',
    isPaused: false,
    migrations: [
      { from: '10.0.0.1:7001', to: '10.0.0.3:7001', slots: '4096-8191', isRunning: true },
    ],
  });
  const refused = await run('cluster', 'remove-free', 'demo');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('MIGRATION_RUNNING: slots are being moved; ');
  expect((await run('check')).stdout).toBe('any one host may fail\n');
});

it(
  'says what becomes of a plan, and what a cancelled one leaves',
  { timeout: 60_000 },
  async () => {
    await createClusterOf8();
    expect((await run('cluster', 'migrations', 'two')).stdout).toBe(
      'no slots of cluster two are being moved; 4 of its nodes have none: ' +
        '"undermoon cluster remove-free two" frees them, "rebalance" gives them some\n',
    );
    expect((await run('cluster', 'rebalance', 'two')).stdout).toBe(
      '2 moves planned: undermoon cluster migrations two\n' +
        'they wait until its proxies can move slots, which those of this version cannot; --cancel drops them\n',
    );
  },
);

it('says that shrinking leaves nodes without slots', { timeout: 60_000 }, async () => {
  const client = createBrokerClient({ brokers: [broker] });
  for (let n = 11; n <= 14; n++) await client.addProxy(proxyRequest(n));
  await client.createCluster(parseClusterName('three')!, 8);
  await client.close();
  const last = 'then 4 nodes have no slots: "undermoon cluster remove-free three" frees them\n';
  const scale = ['cluster', 'scale', 'three', '--nodes', '4'];
  const preview = await run(...scale, '--dry-run');
  expect(preview.stdout).toMatch(/^cluster three would have 8 nodes\nslots to move: 8192\n/);
  expect(preview.stdout.endsWith(last)).toBe(true);
  expect((await run(...scale)).stdout.endsWith(last)).toBe(true);
});

it.each([
  [['cluster', 'scale', 'demo'], 'undermoon: cluster scale needs --nodes <number>'],
  [
    ['cluster', 'migrations', 'demo', '--pause', '--cancel'],
    'undermoon: --pause and --cancel exclude each other',
  ],
])('refuses %j with 2', async (argv, text) => {
  const end = await run(...argv);
  expect(end).toMatchObject({ code: 2, stdout: '' });
  expect(end.stderr.startsWith(text)).toBe(true);
});
