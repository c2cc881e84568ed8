import { readFileSync } from 'node:fs';

/** Reads a whole file that has to be UTF-8. Throws errors with the codes of Node.js. */
export function readTextFile(path: string): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
}
