import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** Where a program is in PATH; null when it is nowhere there. */
export function findProgram(name: string): string | null {
  const directories = (process.env['PATH'] ?? '').split(path.delimiter).filter(Boolean);
  const candidates = directories.map((directory) => path.join(directory, name));
  return candidates.find(isExecutable) ?? null;
}

/** Whether a file can be run. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
