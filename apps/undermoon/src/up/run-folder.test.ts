import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { startOf } from './process-identity.ts';
import { createRunFile, readRunFile, runFileOf, type RunRecord } from './run-file.ts';
import { claimRunFolder } from './run-folder.ts';

const RUN = { broker: 'http://127.0.0.1:7799', cluster: 'demo' };
const GONE = { name: 'up', pid: 2_000_000_000, start: 'long ago' };

let directory: string;
let notes: string[];
const sleepers: ChildProcess[] = [];

beforeEach(() => {
  directory = path.join(mkdtempSync(path.join(tmpdir(), 'undermoon-folder-')), 'run');
  notes = [];
});
afterEach(() => {
  for (const child of sleepers.splice(0)) child.kill('SIGKILL');
  rmSync(path.dirname(directory), { recursive: true });
});

const claim = () => claimRunFolder({ directory, note: (text) => notes.push(text) });

function sleeper(): ChildProcess & { readonly pid: number } {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  sleepers.push(child);
  if (child.pid === undefined) throw new Error('sleep cannot be run');
  return Object.assign(child, { pid: child.pid });
}

/** The folder of a run that was killed and left processes. */
async function abandoned(processes: RunRecord['processes']): Promise<void> {
  await claim();
  createRunFile(directory, { self: GONE, ...RUN, processes });
}

it('makes the folder, records processes, and leaves no record behind', async () => {
  const folder = await claim();
  folder.begin(RUN);
  const child = sleeper();
  folder.add('redis-8001', child.pid);
  const self = { name: 'up', pid: process.pid, start: startOf(process.pid) };
  const recorded = { name: 'redis-8001', pid: child.pid, start: startOf(child.pid) };
  expect(readRunFile(directory)).toMatchObject({ self, ...RUN, processes: [recorded] });
  folder.remove(child.pid);
  expect(readRunFile(directory)).toMatchObject({ processes: [] });
  folder.release();
  expect(readRunFile(directory)).toBe('none');
  expect(readdirSync(directory).toSorted()).toEqual(['.gitignore', 'logs']);
});

it('goes on when somebody deletes it', async () => {
  const folder = await claim();
  folder.begin(RUN);
  const child = sleeper();
  folder.add('redis-8001', child.pid);
  rmSync(directory, { recursive: true });
  folder.remove(child.pid);
  folder.release();
  expect(readRunFile(directory)).toBe('none');
});

it('refuses a folder whose run lives, with its process id', async () => {
  const folder = await claim();
  folder.begin(RUN);
  await expect(claim()).rejects.toMatchObject({ code: 'FOLDER_IN_USE' });
  await expect(claim()).rejects.toThrow(`process id ${process.pid} runs in ${directory}`);
  expect(() => folder.begin(RUN)).toThrow('another "undermoon up" starts in');
});

it('ends what a killed run left, and says what', async () => {
  const child = sleeper();
  await abandoned([{ name: 'redis-8001', pid: child.pid, start: startOf(child.pid) ?? '' }]);
  const ended = once(child, 'exit');
  await claim();
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(notes).toEqual([
    `cleaning up: the run with process id ${GONE.pid} was killed and left redis-8001 (${child.pid}); ending them`,
  ]);
});

it('never touches another process that got the same id', async () => {
  const child = sleeper();
  await abandoned([{ name: 'redis-8001', pid: child.pid, start: 'an earlier time' }]);
  await claim();
  expect(notes).toEqual([
    `cleaning up: the run with process id ${GONE.pid} was killed; none of its processes is left`,
  ]);
  expect(startOf(child.pid)).not.toBeNull();
});

it('says when the record is damaged, and goes on', async () => {
  for (const text of [
    '',
    '{',
    '[]',
    '{"format":"undermoon-run-1"}',
    '{"format":"undermoon-run-2"}',
  ]) {
    await claim();
    writeFileSync(runFileOf(directory), text);
    await claim();
    expect(notes.splice(0)).toEqual([expect.stringContaining('run.json is damaged')]);
  }
});

it('empties its own folder', async () => {
  const folder = await claim();
  writeFileSync(path.join(folder.dataOf('redis-8001'), 'dump.rdb'), 'x');
  writeFileSync(path.join(folder.logs, 'broker.log'), 'x');
  await claim();
  expect(readdirSync(directory).toSorted()).toEqual(['.gitignore', 'logs']);
  expect(readdirSync(folder.logs)).toEqual([]);
});

it('refuses a folder with anything else in it, and leaves it as it is', async () => {
  mkdirSync(directory);
  writeFileSync(path.join(directory, 'thesis.txt'), 'x');
  await expect(claim()).rejects.toMatchObject({ code: 'FOLDER_FOREIGN' });
  await expect(claim()).rejects.toThrow('holds other files (such as thesis.txt)');
  writeFileSync(path.join(directory, '.gitignore'), 'node_modules\n');
  rmSync(path.join(directory, 'thesis.txt'));
  await expect(claim()).rejects.toMatchObject({ code: 'FOLDER_FOREIGN' });
  expect(readdirSync(directory)).toEqual(['.gitignore']);
});

it('names a folder that cannot be made', async () => {
  writeFileSync(directory, 'a file');
  await expect(claim()).rejects.toMatchObject({
    code: 'FOLDER_UNUSABLE',
    message: `--dir: ${directory} cannot be used: EEXIST`,
  });
});
