import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runReadmeExample } from '../../../tools/repo-checks/src/readme-example.ts';

it('runs the example of the README', async () => {
  const packageDir = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
  await expect(runReadmeExample(packageDir)).resolves.toBe(undefined);
});
