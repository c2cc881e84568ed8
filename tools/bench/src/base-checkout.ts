import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onProcessExit } from '@undermoon/testkit';
import { REPOSITORY } from './programs.ts';

/** A commit checked out beside this one, with its dependencies. */
export interface BaseCheckout {
  readonly folder: string;
  remove(): void;
}

/** Checks out a commit in a temporary folder. Throws when git does not know it. */
export function checkOut(ref: string): BaseCheckout {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'undermoon-bench-base-')), 'base');
  const git = (...args: readonly string[]): void => {
    execFileSync('git', args, { cwd: REPOSITORY, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  const remove = onceOnly(() => {
    git('worktree', 'remove', '--force', folder);
    rmSync(path.dirname(folder), { recursive: true, force: true });
  });
  git('worktree', 'add', '--detach', '--quiet', folder, ref);
  const forget = onProcessExit(remove);
  execFileSync('pnpm', ['install', '--frozen-lockfile', '--prefer-offline'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return {
    folder,
    remove: () => {
      forget();
      remove();
    },
  };
}

function onceOnly(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}
