import { fileURLToPath } from 'node:url';

import { findEngine, installPacked, startProgram } from '@undermoon/testkit';
import { expect, it } from 'vitest';

import { living, pidsOf, readyOf } from './running-up.ts';

const folder = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const PROGRAMS = ['undermoon-proxy', 'undermoon-broker', 'undermoon-coordinator'].map(folder);

it('starts a cluster from packed tarballs', { timeout: 180_000 }, async () => {
  const packed = await installPacked(folder('undermoon'), PROGRAMS);
  try {
    const env = { UNDERMOON_ENGINE: findEngine().path };
    const run = (...argv: string[]) =>
      startProgram(packed.file, argv, { cwd: packed.directory, env });
    const help = await run('--help').ended;
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/^undermoon\/\d+\.\d+\.\d+\n/);
    const ports = ['--port', '24980', '--broker-port', '25880'];
    const program = run('up', '--spare', '0', '--json', ...ports);
    const info = await readyOf(program);
    expect(living(pidsOf(info))).toHaveLength(9);
    program.kill('SIGTERM');
    expect((await program.ended).code).toBe(0);
    expect(living(pidsOf(info))).toEqual([]);
  } finally {
    await packed[Symbol.asyncDispose]();
  }
});
