import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** The commands of this repository. */
export type ProgramName =
  | 'undermoon'
  | 'undermoon-broker'
  | 'undermoon-coordinator'
  | 'undermoon-proxy';

const require = createRequire(import.meta.url);

/** The built JavaScript file of a command, found as npm would: through the `bin` of its manifest. */
export function programFile(name: ProgramName): string {
  const manifestFile = require.resolve(`${name}/package.json`);
  const manifest = JSON.parse(readFileSync(manifestFile, 'utf8')) as {
    readonly bin: Readonly<Record<string, string>>;
  };
  const file = path.resolve(path.dirname(manifestFile), manifest.bin[name] ?? 'no-bin');
  if (!existsSync(file)) throw new Error(`${file} is not there: run \`pnpm build\` first`);
  return file;
}
