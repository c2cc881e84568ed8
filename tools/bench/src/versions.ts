import { spawnSync } from 'node:child_process';
import { findEngine } from '@undermoon/testkit';
import { findBenchmark } from './find-program.ts';
import { REPOSITORY } from './programs.ts';

/** Versions of what was measured. */
export interface Versions {
  readonly node: string;
  readonly redis: string;
  readonly redisBenchmark: string;
  /** Null when it was not part of the run. */
  readonly nutcracker: string | null;
  /** The commit of undermoon, with a plus when files differ from it. */
  readonly undermoon: string;
}

export function readVersions(nutcracker: string | null): Versions {
  const { path, argv0 } = findEngine();
  return {
    node: process.version.slice(1),
    redis: versionOf(path, ['--version'], argv0),
    redisBenchmark: versionOf(findBenchmark(), ['--version']),
    nutcracker: nutcracker === null ? null : versionOf(nutcracker, ['--version']),
    undermoon: commit(),
  };
}

function versionOf(program: string, args: readonly string[], argv0: string = program): string {
  const { stdout, stderr } = spawnSync(program, args, { argv0, encoding: 'utf8' });
  return /\d+\.\d+\.\d+/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown';
}

function commit(): string {
  const git = (...args: readonly string[]): string => {
    return spawnSync('git', args, { cwd: REPOSITORY, encoding: 'utf8' }).stdout.trim();
  };
  const isChanged = git('status', '--porcelain', '--', 'packages', 'apps') !== '';
  return `${git('rev-parse', '--short=12', 'HEAD')}${isChanged ? '+' : ''}`;
}
