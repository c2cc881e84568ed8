import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { firstTypeScriptBlock, runReadmeExample } from '../src/readme-example.ts';

let packageDir: string;

beforeEach(async () => {
  packageDir = await mkdtemp(path.join(import.meta.dirname, '.readme-fixture-'));
});
afterEach(async () => {
  await rm(packageDir, { recursive: true });
});

async function runExample(source: string): Promise<void> {
  await writeFile(
    path.join(packageDir, 'README.md'),
    `# A\n\n\`\`\`sh\nfalse\n\`\`\`\n\n\`\`\`ts\n${source}\n\`\`\`\n`,
  );
  await runReadmeExample(packageDir);
}

describe('runReadmeExample', () => {
  it('runs the first ts block as a module and removes its file', async () => {
    await runExample(`globalThis.readmeExampleRan = import.meta.dirname;`);
    expect((globalThis as { readmeExampleRan?: string }).readmeExampleRan).toBe(
      path.join(packageDir, 'test'),
    );
    expect(await readdir(path.join(packageDir, 'test'))).toEqual([]);
  });

  it('fails as the example fails, and removes its file', async () => {
    await expect(
      runExample(`import assert from 'node:assert/strict';\nassert.equal(1 as number, 2);`),
    ).rejects.toThrow(/Expected values to be strictly equal/);
    expect(await readdir(path.join(packageDir, 'test'))).toEqual([]);
  });

  it('runs the text of now, not one it has seen before', async () => {
    await runExample(`globalThis.readmeExampleRan = 'first';`);
    await runExample(`globalThis.readmeExampleRan = 'second';`);
    expect((globalThis as { readmeExampleRan?: string }).readmeExampleRan).toBe('second');
  });

  it('refuses a README without an example', async () => {
    await writeFile(path.join(packageDir, 'README.md'), '# A\n');
    await expect(runReadmeExample(packageDir)).rejects.toThrow(/README\.md has no ```ts block/);
  });
});

describe('firstTypeScriptBlock', () => {
  it('takes the first of several, whatever the line ends', () => {
    expect(firstTypeScriptBlock('```ts\r\na;\r\nb;\r\n```\r\n```ts\nc;\n```\n')).toBe('a;\nb;\n');
  });

  it('ignores blocks of other languages', () => {
    expect(firstTypeScriptBlock('```tsx\na\n```\n')).toBeNull();
  });
});
