import { spawnSync } from 'node:child_process';

/** What a checkout is compared with, or why with nothing. */
export type GuardBase =
  | { readonly kind: 'commit'; readonly ref: string; readonly isPublished: boolean }
  | { readonly kind: 'none'; readonly reason: string };

const PUBLISHED_PAGE = 'docs/benchmarks.md';

/** Everything that the built undermoon-proxy is made of. */
const PROXY_SOURCES: readonly string[] = [
  ':(glob)packages/*/src/**',
  ':(glob)packages/*/package.json',
  'apps/undermoon-proxy/src',
  'apps/undermoon-proxy/package.json',
  'apps/undermoon-proxy/tsup.config.ts',
  'tsup.base.ts',
  'pnpm-lock.yaml',
  ':(exclude,glob)**/*.test.ts',
];

/**
 * Finds the commit to compare with: the wanted one, or else the last that published measurements. `wanted` is
 * what UNDERMOON_BENCH_BASE says; undefined or empty when it is not set.
 */
export function findBase(repository: string, wanted: string | undefined): GuardBase {
  const git = (...args: readonly string[]): string | null => {
    const { status, stdout } = spawnSync('git', args, { cwd: repository, encoding: 'utf8' });
    return status === 0 ? stdout.trim() : null;
  };
  if (git('rev-parse', '--git-dir') === null) return none('this is no checkout of git');
  const isWanted = wanted !== undefined && wanted !== '';
  if (!isWanted && git('rev-parse', '--is-shallow-repository') === 'true') {
    return none('the clone is shallow, so the last published measurement is not known');
  }
  const found = isWanted ? wanted : git('log', '-1', '--format=%H', '--', PUBLISHED_PAGE);
  if (found === null || found === '') return none(`no commit published ${PUBLISHED_PAGE} yet`);
  const ref = git('rev-parse', '--verify', '--quiet', `${found}^{commit}`);
  if (ref === null) return none(`${found} is not in this clone`);
  // Against the working tree: what is not committed yet counts too.
  if (git('diff', '--quiet', ref, '--', ...PROXY_SOURCES) !== null) {
    return none(`the proxy is the same as in ${ref.slice(0, 10)}`);
  }
  return { kind: 'commit', ref, isPublished: !isWanted };
}

function none(reason: string): GuardBase {
  return { kind: 'none', reason };
}
