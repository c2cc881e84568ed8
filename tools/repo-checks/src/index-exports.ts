import ts from 'typescript';
import { posix } from 'node:path';
import { problem, type Problem } from './problem.ts';
import { lineOf, parseTypeScript, walk } from './syntax-tree.ts';

/** Finds `export *` anywhere, and in an index.ts anything but a list of names from other files (style rule 5). */
export function checkExports(path: string, source: string): Problem[] {
  const file = parseTypeScript(path, source);
  const problems: Problem[] = [];
  walk(file, (node) => {
    if (
      ts.isExportDeclaration(node) &&
      (!node.exportClause || ts.isNamespaceExport(node.exportClause))
    ) {
      problems.push(problem(path, 'export * hides what is exported: list the names', lineOf(node)));
    }
  });
  if (posix.basename(path) !== 'index.ts') return problems;
  for (const statement of file.statements) {
    if (!ts.isExportDeclaration(statement)) {
      problems.push(
        problem(path, 'index.ts may hold nothing but a list of exports', lineOf(statement)),
      );
    }
  }
  return problems;
}

/**
 * Finds names exported from an index.ts whose declaration has no doc comment (style rule 25). `read` gives the
 * text of a file of the repository.
 */
export function checkExportDocs(
  path: string,
  source: string,
  read: (file: string) => string,
): Problem[] {
  const problems: Problem[] = [];
  for (const statement of parseTypeScript(path, source).statements) {
    if (!ts.isExportDeclaration(statement) || !statement.moduleSpecifier) continue;
    if (!statement.exportClause || !ts.isNamedExports(statement.exportClause)) continue;
    const specifier = (statement.moduleSpecifier as ts.StringLiteral).text;
    if (!specifier.startsWith('.')) continue;
    const target = posix.join(posix.dirname(path), specifier);
    const documented = documentedNames(parseTypeScript(target, read(target)));
    for (const element of statement.exportClause.elements) {
      const name = (element.propertyName ?? element.name).text;
      if (!documented.has(name)) {
        problems.push(problem(target, `${name} is exported by ${path} and needs a doc comment`));
      }
    }
  }
  return problems;
}

function documentedNames(file: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  for (const statement of file.statements) {
    if (!leadingComment(statement).startsWith('/**')) continue;
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) names.add(name.getText(file));
    } else if (isNamedDeclaration(statement) && statement.name) {
      names.add(statement.name.text);
    }
  }
  return names;
}

function isNamedDeclaration(
  node: ts.Node,
): node is
  | ts.FunctionDeclaration
  | ts.ClassDeclaration
  | ts.InterfaceDeclaration
  | ts.TypeAliasDeclaration {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node)
  );
}

/** The comment right before a statement, or ''. */
function leadingComment(statement: ts.Statement): string {
  const text = statement.getSourceFile().text;
  const last = ts.getLeadingCommentRanges(text, statement.pos)?.at(-1);
  return last ? text.slice(last.pos, last.end) : '';
}
