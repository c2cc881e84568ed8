import ts from 'typescript';

/** Parses without resolving anything. Parents are set. */
export function parseTypeScript(path: string, source: string): ts.SourceFile {
  return ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
}

/** Line of a node's first token, counted from 1. */
export function lineOf(node: ts.Node): number {
  const file = node.getSourceFile();
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
}

/** Calls `visit` for every node under `root`, parents before children. */
export function walk(root: ts.Node, visit: (node: ts.Node) => void): void {
  root.forEachChild((child) => {
    visit(child);
    walk(child, visit);
  });
}
