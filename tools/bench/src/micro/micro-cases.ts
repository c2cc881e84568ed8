import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** What a bench file exports. */
export interface MicroCase {
  readonly name: string;
  /** Of one call of `run`. */
  readonly operations: number;
  readonly run: () => unknown;
}

/** The cases of all bench files of a checkout. */
export async function loadCases(checkout: string): Promise<readonly MicroCase[]> {
  const files = readdirSync(path.join(checkout, 'packages')).flatMap((name) => {
    const folder = path.join(checkout, 'packages', name, 'bench');
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((file) => file.endsWith('.bench.ts'))
      .map((file) => path.join(folder, file));
  });
  const cases = await Promise.all(files.map(casesOf));
  return cases.flat();
}

/** Other bench files are programs of their own, as all were in older commits: they are not to be run by the way. */
async function casesOf(file: string): Promise<readonly MicroCase[]> {
  if (!/^export const cases\b/m.test(readFileSync(file, 'utf8'))) return [];
  const module = (await import(pathToFileURL(file).href)) as { readonly cases?: unknown };
  return Array.isArray(module.cases) ? (module.cases as readonly MicroCase[]) : [];
}
