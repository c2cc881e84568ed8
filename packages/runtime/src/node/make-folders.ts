import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it that are missing. It may exist. Fails as `mkdirSync` does. Where a file
 * system takes no folders (`/proc`), the `recursive` option of Node.js 20 tries for ever.
 */
export function makeFolders(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (isFolder(folder)) return;
    const parent = dirname(folder);
    if (existsSync(parent)) throw error;
    makeFolders(parent);
    makeFolders(folder);
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
