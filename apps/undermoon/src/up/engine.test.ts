import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { findEngine as findTestEngine } from '@undermoon/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { findEngine } from './engine.ts';

const REAL = findTestEngine().path;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'undermoon-engine-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** A folder with programs in it. */
async function folder(name: string, programs: Readonly<Record<string, string>>): Promise<string> {
  const at = await mkdtemp(path.join(directory, name));
  for (const [program, text] of Object.entries(programs)) {
    const file = path.join(at, program);
    await writeFile(file, text);
    await chmod(file, 0o755);
  }
  return at;
}

const prints = (text: string): string => `#!/bin/sh\necho '${text}'\n`;

it('takes the named server, under the name that makes it one', async () => {
  const link = path.join(directory, 'redis-check-rdb');
  await symlink(REAL, link);
  const engine = await findEngine({ named: { file: link, by: '--engine' }, path: '' });
  expect(engine).toMatchObject({ file: link, argv0: 'redis-server' });
  expect(engine.version).toMatch(/^(?:Redis|Valkey) \d+\.\d+\.\d+$/);
});

it('prefers a server by name over a checker, over all folders of PATH', async () => {
  const checker = await folder('a', { 'redis-check-rdb': prints('Redis server v=1.0.0 x') });
  const server = await folder('b', { 'valkey-server': prints('Valkey server v=8.0.1 sha=0') });
  const search = { named: null, path: ['', checker, server].join(path.delimiter) };
  expect(await findEngine(search)).toEqual({
    file: path.join(server, 'valkey-server'),
    argv0: 'valkey-server',
    version: 'Valkey 8.0.1',
  });
  expect(await findEngine({ named: null, path: checker })).toMatchObject({
    version: 'Redis 1.0.0',
  });
});

it('passes over what bears the name and is no server', async () => {
  const wrong = await folder('c', {
    'redis-server': prints('hello'),
    'valkey-server': '#!/bin/sh\nexit 3\n',
    'redis-check-rdb': 'neither a script nor a binary',
  });
  const right = await folder('d', { 'valkey-check-rdb': prints('Valkey server v=7.2.5') });
  const engine = await findEngine({ named: null, path: [wrong, right].join(path.delimiter) });
  expect(engine.file).toBe(path.join(right, 'valkey-check-rdb'));
});

it('refuses a named file that is no server, with where the name came from', async () => {
  for (const file of [path.join(directory, 'missing'), directory, '/bin/sh']) {
    await expect(
      findEngine({ named: { file, by: 'UNDERMOON_ENGINE' }, path: '' }),
    ).rejects.toMatchObject({
      code: 'NO_ENGINE',
      message: `UNDERMOON_ENGINE: ${file} is not a Redis or Valkey server`,
    });
  }
});

it('says how to install one when there is none', async () => {
  const empty = await folder('e', {});
  const failure = findEngine({ named: null, path: empty });
  await expect(failure).rejects.toMatchObject({ code: 'NO_ENGINE' });
  await expect(failure).rejects.toThrow('apt-get install redis-tools');
});
