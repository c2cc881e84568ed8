import ts from 'typescript';
import { problem, type Problem } from './problem.ts';
import { lineOf, parseTypeScript, walk } from './syntax-tree.ts';

const CLASS_LINES_MAX = 250;

/** Finds classes that are longer than style rule 3 allows. */
export function checkClassSizes(path: string, source: string): Problem[] {
  const file = parseTypeScript(path, source);
  const problems: Problem[] = [];
  walk(file, (node) => {
    if (!ts.isClassLike(node)) return;
    const lineCount = file.getLineAndCharacterOfPosition(node.end).line + 2 - lineOf(node);
    if (lineCount <= CLASS_LINES_MAX) return;
    const name = node.name?.text ?? 'a class';
    problems.push(
      problem(
        path,
        `${name} has ${lineCount} lines, at most ${CLASS_LINES_MAX} are allowed`,
        lineOf(node),
      ),
    );
  });
  return problems;
}
