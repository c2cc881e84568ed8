import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the repository. */
export const REPOSITORY: string = fileURLToPath(new URL('../../..', import.meta.url));

/** Builds undermoon-proxy in a checkout and returns the file to run. */
export function buildProxy(checkout: string): string {
  return buildApp(checkout, 'undermoon-proxy');
}

/** Builds a command in a checkout and returns the file to run. */
export function buildApp(checkout: string, name: string): string {
  const app = path.join(checkout, 'apps', name);
  // One file with the sources of all packages in it, so that nothing else has to be built.
  execFileSync('pnpm', ['run', 'build'], { cwd: app, stdio: ['ignore', 'ignore', 'inherit'] });
  return appFile(checkout, name);
}

/** The built file of undermoon-proxy in a checkout. */
export function proxyFile(checkout: string): string {
  return appFile(checkout, 'undermoon-proxy');
}

/** The built file of a command in a checkout. */
export function appFile(checkout: string, name: string): string {
  const file = path.join(checkout, 'apps', name, 'dist', 'cli.js');
  if (!existsSync(file)) throw new Error(`${file} is not there: run \`pnpm build\` first`);
  return file;
}
