import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { findInPath } from './find-program.ts';

const HINT =
  'the comparison needs nutcracker (twemproxy): `sudo apt-get install nutcracker` on Debian or Ubuntu, ' +
  'or put the program into PATH';

/**
 * The program nutcracker: the one in PATH, or that of the Debian package, which is unpacked below `toolsFolder`.
 * Unpacking, unlike installing, starts no service and changes nothing else.
 */
export function ensureNutcracker(toolsFolder: string, note: (text: string) => void): string {
  const installed = findInPath('nutcracker');
  if (installed !== null) return installed;
  const folder = path.join(toolsFolder, 'nutcracker');
  const program = path.join(folder, 'usr', 'sbin', 'nutcracker');
  if (!existsSync(program)) {
    if (findInPath('apt-get') === null) throw new Error(HINT);
    note('fetching the Debian package nutcracker');
    unpack(folder);
  }
  try {
    // Fails when a library of its is missing.
    execFileSync(program, ['--version'], { stdio: 'pipe' });
  } catch (cause) {
    throw new Error(`${program} does not run; ${HINT}`, { cause });
  }
  return program;
}

function unpack(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const download = (): void => {
    execFileSync('apt-get', ['download', 'nutcracker'], { cwd: folder, stdio: 'pipe' });
  };
  try {
    download();
  } catch (cause) {
    if (process.getuid?.() !== 0) throw new Error(HINT, { cause });
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'pipe' });
    download();
  }
  const file = readdirSync(folder).find((name) => name.endsWith('.deb'));
  if (file === undefined) throw new Error(HINT);
  execFileSync('dpkg-deb', ['-x', file, '.'], { cwd: folder, stdio: 'pipe' });
}
