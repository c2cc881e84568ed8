import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalCluster } from '../src/local-cluster.ts';
import { listProcesses, processTree, type ListedProcess } from '../src/process-list.ts';
import { isAlive } from '../src/running-cluster.ts';
import { until, within } from '../src/until.ts';

const PORT = 26_400;
const READY_MS_MAX = 60_000;
// up, its guard, a broker, two coordinators, two proxies, four Redis servers.
const PROCESS_COUNT = 11;

let cluster: LocalCluster;
beforeEach(({ onTestFailed }) => {
  cluster = new LocalCluster({ port: PORT, flags: ['--spare', '0'] });
  const tails = (): void => console.error(cluster.logTails());
  onTestFailed(tails);
});
afterEach(() => cluster.stop());

/** Processes that belong to this test's folder or ports, by their command lines: whoever started them. */
async function ownProcesses(): Promise<readonly ListedProcess[]> {
  const marks = [cluster.cwd, ...Array.from({ length: 30 }, (_, i) => `127.0.0.1:${PORT + i}`)];
  marks.push(...Array.from({ length: 30 }, (_, i) => `127.0.0.1:${PORT + 1000 + i}`));
  return (await listProcesses()).filter(({ command }) =>
    marks.some((mark) => command.includes(mark)),
  );
}

async function expectNothingLeft(pids: readonly number[]): Promise<void> {
  expect(pids.filter(isAlive)).toEqual([]);
  expect(await ownProcesses()).toEqual([]);
}

async function startedTree(): Promise<readonly number[]> {
  const { pid, startedInMs } = await cluster.start();
  console.info(`ready after ${(startedInMs / 1000).toFixed(1)} s`);
  expect(startedInMs).toBeLessThan(READY_MS_MAX);
  const tree = await processTree(pid);
  expect(tree).toHaveLength(PROCESS_COUNT);
  return tree.map((process_) => process_.pid);
}

async function hold(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('undermoon up', { timeout: 90_000 }, () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves nothing after %s', async (signal) => {
    const pids = await startedTree();
    const { code, stderr } = await cluster.end(signal);
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/error/i);
    expect(cluster.events.at(-1)).toMatchObject({ event: 'stopping', reason: signal });
    await expectNothingLeft(pids);
  });

  it('ends with everything when it is killed, and the next one says what it cleans', async () => {
    const pids = await startedTree();
    const killedPid = cluster.ready.pid;
    await cluster.end('SIGKILL');
    await until('nothing is left', () => !pids.some(isAlive), { timeoutMs: 10_000 });
    expect(await ownProcesses()).toEqual([]);
    const next = cluster.launch();
    await within('the next one is ready', next.firstLine, READY_MS_MAX);
    expect(next.stderr).toMatch(new RegExp(`clean.*${killedPid}`, 'i'));
    await cluster.end('SIGINT');
    expect(await ownProcesses()).toEqual([]);
  });

  it('names a taken port and its option, and leaves nothing', async () => {
    for (const [port, option] of [
      [PORT + 1, '--port'],
      [PORT + 1003, '--port'],
      [PORT + 21, '--broker-port'],
    ] as const) {
      const server = await hold(port);
      const { code, stdout, stderr } = await within('the refusal', cluster.launch().ended, 20_000);
      server.close();
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(`port ${port}`);
      expect(stderr).toContain(option);
      expect(await ownProcesses()).toEqual([]);
    }
  });

  it('leaves nothing when it is interrupted while it starts', async () => {
    const program = cluster.launch();
    await until('processes of it run', async () => (await ownProcesses()).length > 3, {
      timeoutMs: 20_000,
      intervalMs: 10,
    });
    const pids = (await processTree(program.pid)).map(({ pid }) => pid);
    const { stdout } = await cluster.end('SIGINT');
    expect(stdout).toBe('');
    await expectNothingLeft(pids);
  });

  it('leaves nothing when a server can not be started', async () => {
    const { code, stdout, stderr } = await within(
      'the failure',
      cluster.launch('--engine', '/bin/false').ended,
      READY_MS_MAX,
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('/bin/false');
    expect(await ownProcesses()).toEqual([]);
    expect(existsSync(path.join(cluster.cwd, '.undermoon', 'run.json'))).toBe(false);
  });
});
