import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { Child } from './child.ts';

let folder: string;

beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'undermoon-child-')), 'run');
  mkdirSync(folder);
});
afterEach(() => rmSync(path.dirname(folder), { recursive: true }));

function start(script: string): Child {
  return new Child({
    name: 'broker',
    kind: 'broker',
    address: '127.0.0.1:1',
    file: '/bin/sh',
    args: ['-c', script],
    cwd: '/',
    env: {},
    logFile: path.join(folder, 'broker.log'),
    printsReady: true,
  });
}

it('that ends before it is ready says how, with the end of its log', async () => {
  const child = start('echo first >&2; echo last >&2; exit 3');
  await expect(child.ready).rejects.toMatchObject({
    code: 'CHILD_FAILED',
    message: [
      'broker (127.0.0.1:1) ended with exit code 3; the end of its log:',
      '  first',
      '  last',
      `the whole log: ${path.join(folder, 'broker.log')}`,
    ].join('\n'),
  });
});

it('ends as well when somebody has deleted its log', async () => {
  const child = start('read -r line; exit 3');
  rmSync(folder, { recursive: true });
  child.kill('SIGKILL');
  expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' });
  await expect(child.ready).rejects.toThrow('was ended by SIGKILL; its log is empty');
});
