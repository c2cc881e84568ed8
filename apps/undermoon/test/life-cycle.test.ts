import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Ground, living, pidsOf, readyOf, until } from './running-up.ts';

const SMALL = ['--spare', '0'];

let ground: Ground;
beforeEach(() => {
  ground = new Ground({ port: 24_960, brokerPort: 25_860 });
});
afterEach(() => ground.dispose());

describe('undermoon up', () => {
  it('tells people what it does, and stops on Ctrl-C', async () => {
    const program = ground.up(...SMALL, '--cluster', 'mine');
    await until('the end of the ready text', () =>
      program.stdout.includes('Ctrl-C stops everything.'),
    );
    const pids = [...ground.recorded().values()];
    expect(living(pids)).toHaveLength(10);
    program.kill('SIGINT');
    const end = await program.ended;
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(living(pids)).toEqual([]);
    expect(end.stdout).toContain('writing and reading 10000 keys\n');
    expect(end.stdout).toMatch(/Cluster mine is ready, \d+\.\d s after the start\.\n/);
    expect(end.stdout).toContain('  proxies       127.0.0.1:24960 127.0.0.1:24961\n');
    expect(end.stdout).toContain('  redis-cli -c -p 24960 set greeting hello\n');
    expect(end.stdout).not.toContain('spare');
    expect(end.stdout).toMatch(/\n\d\d:\d\d:\d\d {2}stopping \(SIGINT\)\n$/);
  });

  it('prints the ready line only when it is to be quiet', async () => {
    const program = ground.up(...SMALL, '--quiet');
    const line = await program.firstLine;
    expect(line).toBe(
      'ready: cluster demo at 127.0.0.1:24960 127.0.0.1:24961, broker http://127.0.0.1:25860',
    );
    program.kill('SIGTERM');
    expect(await program.ended).toMatchObject({ code: 0, stdout: `${line}\n`, stderr: '' });
  });

  it('takes its processes with it when it is killed', async () => {
    const program = ground.up(...SMALL, '--json', '--quiet');
    const info = await readyOf(program);
    program.kill('SIGKILL');
    await program.ended;
    await until('the end of all processes', () => living(pidsOf(info)).length === 0);
    const next = ground.up(...SMALL, '--json');
    await readyOf(next);
    expect(next.stderr).toContain(
      `cleaning up: the run with process id ${program.pid} was killed; none of its processes is left\n`,
    );
  });

  it('cleans what a run left that was killed together with its guard', async () => {
    const program = ground.up(...SMALL, '--json', '--quiet');
    const info = await readyOf(program);
    // Halted programs do not see that their parent has gone; the guard is what would end them.
    for (const { pid } of [...info.coordinators, ...info.proxies]) process.kill(pid, 'SIGSTOP');
    process.kill(ground.recorded().get('guard')!, 'SIGKILL');
    program.kill('SIGKILL');
    await program.ended;
    const servers = info.proxies.flatMap(({ redis }) => redis);
    expect(living(servers.map(({ pid }) => pid))).toHaveLength(4);
    const next = ground.up(...SMALL, '--json');
    const nextInfo = await readyOf(next);
    expect(next.stderr).toContain(`the run with process id ${program.pid} was killed and left `);
    for (const { pid, address } of servers) {
      expect(next.stderr).toContain(`redis-${address.split(':')[1]} (${pid})`);
    }
    expect(living(pidsOf(info))).toEqual([]);
    expect(living(pidsOf(nextInfo))).toHaveLength(9);
  });

  it('leaves nothing when a process fails, and shows its log', async () => {
    const engine = path.join(ground.directory, 'broken-server');
    const script = '#!/bin/sh\n[ "$1" != --version ] || exec echo "Redis server v=9.9.9"\n';
    writeFileSync(engine, `${script}echo "cannot allocate anything" >&2\nexit 3\n`);
    chmodSync(engine, 0o755);
    const startedAt = Date.now();
    const end = await ground.up(...SMALL, '--json', '--engine', engine).ended;
    // Well before the limit of a start.
    expect(Date.now() - startedAt).toBeLessThan(30_000);
    expect(end).toMatchObject({ code: 1, stdout: '' });
    expect(end.stderr).toMatch(
      /undermoon: redis-\d+ \(127\.0\.0\.1:\d+\) ended with exit code 3; the end of its log:\n {2}cannot allocate anything\n/,
    );
    expect(end.stderr).toMatch(/the whole log: \S+\/\.undermoon\/logs\/redis-\d+\.log\n$/);
    expect(ground.recorded()).toEqual(new Map());
    const free = ground.up(...SMALL, '--quiet');
    expect(await free.firstLine).toContain('ready:');
  });

  it('leaves nothing when it is interrupted while it starts', async () => {
    const program = ground.up(...SMALL, '--json');
    await until('the first processes', () => ground.recorded().size > 3);
    const pids = [...ground.recorded().values()];
    program.kill('SIGINT');
    expect(await program.ended).toMatchObject({ code: 0, stdout: '' });
    expect(living(pids)).toEqual([]);
    expect(ground.recorded()).toEqual(new Map());
  });

  it('goes on without its broker, and says so', async () => {
    const program = ground.up(...SMALL, '--json');
    const info = await readyOf(program);
    process.kill(info.brokerPid, 'SIGKILL');
    for (const event of ['broker-exited', 'broker-unreachable']) {
      await until(event, () => program.stdout.includes(`"event":"${event}"`));
    }
    expect(living(pidsOf(info))).toHaveLength(8);
    program.kill('SIGHUP');
    expect((await program.ended).code).toBe(0);
    expect(living(pidsOf(info))).toEqual([]);
  });
});
