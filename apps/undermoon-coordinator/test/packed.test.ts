import { fileURLToPath } from 'node:url';

import { tryPackedServer } from '@undermoon/testkit';
import { expect, it } from 'vitest';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

it('runs from its packed tarball alone in an empty folder', { timeout: 120_000 }, async () => {
  const seen = await tryPackedServer(PACKAGE);
  for (const { code, stderr } of [seen.help, seen.config]) {
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  }
  expect(seen.help.stdout).toContain('--reporter-id <text>');
  expect(seen.version.stdout).toMatch(/^undermoon-coordinator\/\d+\.\d+\.\d+ /);
  expect(seen.config.stdout).toContain('address = "127.0.0.1:6699" # default\n');
  expect(seen.readyLine).toMatch(/^undermoon-coordinator listening on 127\.0\.0\.1:\d+$/);
  expect(seen.stopped.code).toBe(0);
});
