import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { installTarballs, startRedis } from '@undermoon/testkit';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PACKAGES = path.join(ROOT, 'packages');

// What a program that embeds the libraries would have; checked strictly, to see the types as they are published.
const TSCONFIG = {
  compilerOptions: {
    strict: true,
    module: 'nodenext',
    target: 'es2023',
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    outDir: 'out',
    types: ['node'],
  },
  include: ['*.ts'],
};

it('examples of all READMEs compile and run with the packed libraries', async () => {
  const names = await readdir(PACKAGES);
  const folders = names.map((name) => path.join(PACKAGES, name));
  await using installed = await installTarballs(folders, [
    path.dirname(createRequire(import.meta.url).resolve('ioredis/package.json')),
    path.join(ROOT, 'node_modules/@types/node'),
  ]);
  const { directory } = installed;
  const examples: string[] = [];
  for (const name of names) {
    const readme = await readFile(path.join(PACKAGES, name, 'README.md'), 'utf8');
    const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)];
    expect(blocks.length, `examples in the README of ${name}`).toBeGreaterThan(0);
    for (const [index, block] of blocks.entries()) {
      examples.push(`${name}-${index}`);
      await writeFile(path.join(directory, `${name}-${index}.ts`), block[1] ?? '');
    }
  }
  await writeFile(path.join(directory, 'package.json'), '{ "private": true, "type": "module" }\n');
  await writeFile(path.join(directory, 'tsconfig.json'), JSON.stringify(TSCONFIG));
  const compiler = path.join(ROOT, 'node_modules/typescript-native/bin/tsc');
  const { stdout } = await run(process.execPath, [compiler, '-p', '.'], { cwd: directory });
  expect(stdout).toBe('');

  const redis = await startRedis();
  const env = { ...process.env, REDIS_ADDRESS: redis.address };
  for (const example of examples) {
    await run(process.execPath, [path.join('out', `${example}.js`)], { cwd: directory, env });
  }
  await redis.stop();
}, 240_000);
