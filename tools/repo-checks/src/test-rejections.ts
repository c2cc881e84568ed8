import ts from 'typescript';
import { problem, type Problem } from './problem.ts';
import { lineOf, parseTypeScript, walk } from './syntax-tree.ts';

const MESSAGE =
  'is expected to be rejected, but something else is awaited first: meanwhile its rejection is unhandled; ' +
  'take it where the promise is made (Promise.allSettled, then or catch)';

/** Finds promises of tests that may be rejected before anything watches them. */
export function checkTestRejections(path: string, source: string): Problem[] {
  const problems: Problem[] = [];
  const visit = (node: ts.Node): void => {
    if (!ts.isVariableDeclaration(node) || !isUnwatched(node)) return;
    problems.push(problem(path, `${node.name.getText()} ${MESSAGE}`, lineOf(node)));
  };
  walk(parseTypeScript(path, source), visit);
  return problems;
}

/** `const name = work()`, whose first use is `expect(name).rejects`, with an `await` of something else before it. */
function isUnwatched({ name, initializer, parent }: ts.VariableDeclaration): boolean {
  const block = parent.parent.parent;
  if (!ts.isIdentifier(name) || !initializer || !ts.isBlock(block)) return false;
  if (ts.isFunctionLike(initializer) || ts.isAwaitExpression(initializer)) return false;
  const isLater = (node: ts.Node): boolean => node.pos >= parent.end;
  const use = find(block, (node) => {
    return isLater(node) && ts.isIdentifier(node) && node.text === name.text;
  });
  if (use === null || !isExpectedRejection(use)) return false;
  const isBefore = (node: ts.Node): boolean => isLater(node) && node.end <= use.pos;
  return find(block, (node) => ts.isAwaitExpression(node) && isBefore(node)) !== null;
}

/** Whether it is `name` of `expect(name).rejects`. */
function isExpectedRejection({ parent: call }: ts.Node): boolean {
  if (!ts.isCallExpression(call) || call.expression.getText() !== 'expect') return false;
  return ts.isPropertyAccessExpression(call.parent) && call.parent.name.text === 'rejects';
}

/** The first node under `root`, in the order of the source, of the same function. */
function find(root: ts.Node, isWanted: (node: ts.Node) => boolean): ts.Node | null {
  let found: ts.Node | null = null;
  const visit = (node: ts.Node): void => {
    if (found !== null || ts.isFunctionLike(node)) return;
    if (isWanted(node)) found = node;
    else node.forEachChild(visit);
  };
  root.forEachChild(visit);
  return found;
}
