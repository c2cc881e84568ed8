import { fileURLToPath } from 'node:url';

import { installPacked, startProgram } from '@undermoon/testkit';
import { expect, it } from 'vitest';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

it('runs from its packed tarball alone in an empty folder', { timeout: 120_000 }, async () => {
  const packed = await installPacked(PACKAGE);
  try {
    const run = (...argv: string[]) => startProgram(packed.file, argv, { cwd: packed.directory });
    const help = await run('--help').ended;
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('--meta-filename <text>');
    const version = await run('--version').ended;
    expect(version.stdout).toMatch(/^undermoon-broker\/\d+\.\d+\.\d+ /);
    const config = await run('--print-config').ended;
    expect(config).toMatchObject({ code: 0, stderr: '' });
    expect(config.stdout).toContain('address = "127.0.0.1:7799" # default\n');
    const program = run('--address', '127.0.0.1:0');
    expect(await program.firstLine).toMatch(/^undermoon-broker listening on 127\.0\.0\.1:\d+$/);
    program.kill('SIGTERM');
    expect((await program.ended).code).toBe(0);
  } finally {
    await packed[Symbol.asyncDispose]();
  }
});
