import { problem, type Problem } from './problem.ts';

const BANNED = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'shared', 'types', 'misc']);

/** Finds files and folders whose name says nothing (style rule 1). */
export function checkFileName(path: string): Problem[] {
  const banned = path
    .split('/')
    .map((part) => part.replace(/(\.test)?\.[cm]?[jt]s$/, ''))
    .find((part) => BANNED.has(part));
  return banned === undefined
    ? []
    : [problem(path, `"${banned}" says nothing: name it for its idea`)];
}
