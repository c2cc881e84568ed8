import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findBase } from './guard-base.ts';

let root: string;
let repository: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'undermoon-bench-guard-'));
  repository = path.join(root, 'repository');
  mkdirSync(repository);
});
afterEach(() => rmSync(root, { recursive: true }));

function git(...args: readonly string[]): string {
  const author = ['-c', 'user.name=t', '-c', 'user.email=t@example.org'];
  const options = { cwd: repository, encoding: 'utf8', stdio: 'pipe' } as const;
  return execFileSync('git', [...author, ...args], options).trim();
}

/** Writes a file and commits it; returns the commit. */
function commit(file: string, text: string): string {
  mkdirSync(path.dirname(path.join(repository, file)), { recursive: true });
  writeFileSync(path.join(repository, file), text);
  git('add', '.');
  git('commit', '--quiet', '-m', text);
  return git('rev-parse', 'HEAD');
}

const SOURCE = 'packages/resp/src/scan.ts';

describe('findBase', () => {
  it('takes the last commit that published measurements', () => {
    git('init', '--quiet');
    commit(SOURCE, 'first');
    commit('docs/benchmarks.md', 'old');
    const ref = commit('docs/benchmarks.md', 'new');
    commit(SOURCE, 'second');
    expect(findBase(repository, '')).toEqual({ kind: 'commit', ref, isPublished: true });
  });

  it('takes the wanted commit instead', () => {
    git('init', '--quiet');
    const ref = commit(SOURCE, 'first');
    commit('docs/benchmarks.md', 'new');
    commit(SOURCE, 'second');
    expect(findBase(repository, ref.slice(0, 8))).toEqual({
      kind: 'commit',
      ref,
      isPublished: false,
    });
    expect(findBase(repository, 'no-such-branch')).toEqual({
      kind: 'none',
      reason: 'no-such-branch is not in this clone',
    });
  });

  it('sees what is not committed, and nothing but what the proxy is made of', () => {
    git('init', '--quiet');
    commit(SOURCE, 'first');
    const ref = commit('docs/benchmarks.md', 'new');
    const same = { kind: 'none', reason: `the proxy is the same as in ${ref.slice(0, 10)}` };
    expect(findBase(repository, undefined)).toEqual(same);
    commit('packages/resp/README.md', 'prose');
    commit('packages/resp/src/scan.test.ts', 'a test');
    expect(findBase(repository, undefined)).toEqual(same);
    writeFileSync(path.join(repository, SOURCE), 'changed');
    expect(findBase(repository, undefined)).toMatchObject({ kind: 'commit', ref });
  });

  it('says why there is none', () => {
    expect(findBase(repository, undefined)).toEqual({
      kind: 'none',
      reason: 'this is no checkout of git',
    });
    git('init', '--quiet');
    commit(SOURCE, 'first');
    expect(findBase(repository, undefined)).toEqual({
      kind: 'none',
      reason: 'no commit published docs/benchmarks.md yet',
    });
    commit('docs/benchmarks.md', 'new');
    commit(SOURCE, 'second');
    git('clone', '--quiet', '--depth', '1', `file://${repository}`, path.join(root, 'shallow'));
    expect(findBase(path.join(root, 'shallow'), undefined)).toEqual({
      kind: 'none',
      reason: 'the clone is shallow, so the last published measurement is not known',
    });
  });
});
