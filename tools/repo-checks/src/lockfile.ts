import { problem, type Problem } from './problem.ts';

/** Finds host names in the lockfile: it must install from whatever registry the reader uses. */
export function checkLockfile(path: string, source: string): Problem[] {
  return source
    .split('\n')
    .flatMap((line, index) =>
      line.includes('://')
        ? [problem(path, `names a host: ${line.trim().slice(0, 100)}`, index + 1)]
        : [],
    );
}
