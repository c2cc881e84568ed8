import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const SKIPPED = new Set([
  'node_modules',
  'dist',
  'coverage',
  '.git',
  '.nx',
  '.tools',
  '.undermoon',
]);

/** The files under version control, near enough: everything but what is installed or built. */
export interface Repository {
  /** Paths relative to the root, with "/" between their parts, sorted. */
  readonly files: readonly string[];
  readonly read: (file: string) => string;
}

export function openRepository(root: string): Repository {
  const files: string[] = [];
  const visit = (directory: string): void => {
    for (const entry of readdirSync(path.join(root, directory), { withFileTypes: true })) {
      if (SKIPPED.has(entry.name)) continue;
      const relative = directory === '' ? entry.name : `${directory}/${entry.name}`;
      if (entry.isDirectory()) visit(relative);
      else if (entry.isFile()) files.push(relative);
    }
  };
  visit('');
  return { files: files.toSorted(), read: (file) => readFileSync(path.join(root, file), 'utf8') };
}

/** TypeScript sources of packages, apps and tools: no tests, nothing generated. */
export function isSource(file: string): boolean {
  return (
    /^(packages|apps|tools)\/[^/]+\/src\/.*\.ts$/.test(file) &&
    !/\.(test|generated)\.ts$|\/test\//.test(file)
  );
}
