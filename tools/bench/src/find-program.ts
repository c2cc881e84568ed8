import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** redis-benchmark, or Valkey's program of the same arguments. Throws when there is none. */
export function findBenchmark(): string {
  const found = findInPath('redis-benchmark') ?? findInPath('valkey-benchmark');
  if (found !== null) return found;
  throw new Error('redis-benchmark is not in PATH: `sudo apt-get install redis-tools`');
}

/** The path of a program in PATH, or null. */
export function findInPath(name: string): string | null {
  // Debian keeps nutcracker where PATH of a user does not look.
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin'];
  for (const folder of folders.filter((one) => one !== '')) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      continue;
    }
  }
  return null;
}
