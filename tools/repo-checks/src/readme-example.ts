import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Runs the first ```ts block (or the one at `index`) of `<packageDir>/README.md` as a module of that package's
 * `test/` folder, so that its `@undermoon/*` imports resolve as they do for the package's own tests. Rejects with
 * whatever the example throws. To be called under vitest, which resolves those imports to sources.
 *
 * `packageDir` is a path or a `file:` URL. The module's file is deleted in every case.
 */
export async function runReadmeExample(packageDir: string, index = 0): Promise<void> {
  const directory = packageDir.startsWith('file:') ? fileURLToPath(packageDir) : packageDir;
  const readmePath = path.join(directory, 'README.md');
  const source = typeScriptBlock(await readFile(readmePath, 'utf8'), index);
  if (source === null) throw new Error(`${readmePath} has no \`\`\`ts block ${index}`);

  // A leading dot keeps the file out of `include` of the package's tsconfig.json.
  const testDir = path.join(directory, 'test');
  const modulePath = path.join(testDir, `.readme-example-${randomUUID()}.ts`);
  await mkdir(testDir, { recursive: true });
  await writeFile(modulePath, source);
  try {
    await import(/* @vite-ignore */ pathToFileURL(modulePath).href);
  } finally {
    await rm(modulePath, { force: true });
  }
}

/** The text between the first "```ts" line and the fence that closes it; null when there is none. */
export function firstTypeScriptBlock(markdown: string): string | null {
  return typeScriptBlock(markdown, 0);
}

function typeScriptBlock(markdown: string, index: number): string | null {
  const blocks = markdown
    .replaceAll('\r\n', '\n')
    .matchAll(/^```(?:ts|typescript)[^\S\n]*\n(.*?)^```[^\S\n]*$/gms);
  return [...blocks][index]?.[1] ?? null;
}
