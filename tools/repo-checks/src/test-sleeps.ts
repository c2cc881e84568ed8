import ts from 'typescript';
import { problem, type Problem } from './problem.ts';
import { lineOf, parseTypeScript, walk } from './syntax-tree.ts';

const MESSAGE = 'sleeps: await the event that the test is about';

/** Finds tests that wait for time instead of an event (style rule 26). */
export function checkTestSleeps(path: string, source: string): Problem[] {
  const problems: Problem[] = [];
  walk(parseTypeScript(path, source), (node) => {
    if (isTimersImport(node) || isSleep(node)) problems.push(problem(path, MESSAGE, lineOf(node)));
  });
  return problems;
}

function isTimersImport(node: ts.Node): boolean {
  return (
    ts.isImportDeclaration(node) &&
    /^['"](node:)?timers\/promises['"]$/.test(node.moduleSpecifier.getText())
  );
}

/** `new Promise((resolve) => setTimeout(resolve, …))`, in any spelling that hands the first parameter to a timer. */
function isSleep(node: ts.Node): boolean {
  if (!ts.isNewExpression(node) || node.expression.getText() !== 'Promise') return false;
  const executor = node.arguments?.[0];
  if (!executor || !(ts.isArrowFunction(executor) || ts.isFunctionExpression(executor)))
    return false;
  const resolve = executor.parameters[0]?.name.getText();
  let found = false;
  walk(executor, (inner) => {
    if (!ts.isCallExpression(inner) || inner.expression.getText() !== 'setTimeout') return;
    found ||= inner.arguments[0]?.getText() === resolve;
  });
  return found;
}
