import ts from 'typescript';
import { problem, type Problem } from './problem.ts';
import { lineOf, parseTypeScript, walk } from './syntax-tree.ts';

/** Starts the comment, right before a function or method, that says why it does not run per command. */
const COLD_MARK = 'Cold path: ';

/**
 * Finds what allocates or waits per command in a file of the data plane (style rule 18). What runs once, while
 * the module is loaded, may do as it likes; so may a function whose comment gives a reason after "Cold path: ".
 */
export function checkHotFile(path: string, source: string): Problem[] {
  const problems: Problem[] = [];
  walk(parseTypeScript(path, source), (node) => {
    const fault = faultOf(node);
    if (fault === null || !isOnHotPath(node)) return;
    problems.push(problem(path, `${fault} in a hot file`, lineOf(node)));
  });
  return problems;
}

function faultOf(node: ts.Node): string | null {
  if (ts.isAwaitExpression(node)) return 'await';
  if (ts.isForOfStatement(node) && node.awaitModifier) return 'for await';
  if (ts.isSpreadElement(node) || ts.isSpreadAssignment(node)) return 'spread';
  if (ts.isNewExpression(node) && node.expression.getText() === 'Promise') return 'new Promise';
  if (ts.isPropertyAccessExpression(node) && node.name.text === 'then') return '.then';
  if (isFunction(node)) return 'a function created inside a function';
  return null;
}

function isFunction(node: ts.Node): boolean {
  return (
    ts.isArrowFunction(node) || ts.isFunctionExpression(node) || ts.isFunctionDeclaration(node)
  );
}

/** Whether some function runs this node, other than one marked as cold or a constructor (once per connection). */
function isOnHotPath(node: ts.Node): boolean {
  let isInsideFunction = false;
  for (let outer = node.parent; !ts.isSourceFile(outer); outer = outer.parent) {
    if (ts.isConstructorDeclaration(outer) || isMarkedCold(outer)) return false;
    isInsideFunction ||= ts.isFunctionLike(outer);
  }
  return isInsideFunction;
}

function isMarkedCold(node: ts.Node): boolean {
  if (!ts.isFunctionDeclaration(node) && !ts.isMethodDeclaration(node)) return false;
  const { text } = node.getSourceFile();
  const comments = ts.getLeadingCommentRanges(text, node.pos) ?? [];
  return comments.some(({ pos, end }) => text.slice(pos, end).includes(COLD_MARK));
}

/** Finds entries of the list of hot files that name no file: a renamed file would lose its check. */
export function checkHotFileList(hotFiles: readonly string[], files: readonly string[]): Problem[] {
  const known = new Set(files);
  return hotFiles
    .filter((file) => !known.has(file))
    .map((file) => problem('tools/repo-checks/src/hot-files.json', `${file} does not exist`));
}
