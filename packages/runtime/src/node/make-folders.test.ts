import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFolders } from './make-folders.ts';

const root = mkdtempSync(path.join(tmpdir(), 'make-folders-'));
afterAll(() => rmSync(root, { recursive: true }));

test('makes what is missing, and takes what exists', () => {
  const folder = path.join(root, 'a', 'b', 'c');
  makeFolders(folder);
  makeFolders(folder);
  makeFolders(path.join(folder, '..', 'd'));
  expect(statSync(path.join(root, 'a', 'b', 'd')).isDirectory()).toBe(true);
});

test('a relative path, and a link to a folder', () => {
  makeFolders(path.relative(process.cwd(), path.join(root, 'relative', 'x')));
  symlinkSync(path.join(root, 'relative'), path.join(root, 'link'));
  makeFolders(path.join(root, 'link', 'y'));
  expect(statSync(path.join(root, 'relative', 'y')).isDirectory()).toBe(true);
});

test('a file in the way', () => {
  const file = path.join(root, 'file');
  writeFileSync(file, '');
  expect(() => makeFolders(file)).toThrow(/EEXIST/);
  expect(() => makeFolders(path.join(file, 'x', 'y'))).toThrow(/ENOTDIR/);
});

test.runIf(process.platform === 'linux')('a file system that takes no folders', () => {
  expect(() => makeFolders('/proc/undermoon')).toThrow(/ENOENT/);
  expect(() => makeFolders('/proc/undermoon/x/y')).toThrow(/ENOENT/);
});
