import { posix } from 'node:path';
import { problem, type Problem } from './problem.ts';

const LINK = /\]\(([^)\s]+)\)/g;

/** Finds relative links of a Markdown file whose target is no file or folder of the repository. */
export function checkMarkdownLinks(
  path: string,
  source: string,
  files: readonly string[],
): Problem[] {
  const problems: Problem[] = [];
  let isCode = false;
  for (const [index, line] of source.split('\n').entries()) {
    if (/^\s*```/.test(line)) isCode = !isCode;
    if (isCode) continue;
    for (const [, link = ''] of line.matchAll(LINK)) {
      const target = link.replace(/#.*$/, '');
      if (target === '' || /^[a-z]+:/.test(target)) continue;
      const resolved = posix.join(posix.dirname(path), target).replace(/\/$/, '');
      const isThere = files.some((file) => file === resolved || file.startsWith(`${resolved}/`));
      if (!isThere)
        problems.push(problem(path, `links to ${link}, which does not exist`, index + 1));
    }
  }
  return problems;
}
