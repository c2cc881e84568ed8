import { expect, it } from 'vitest';
import { runReadmeExample } from '../../../tools/repo-checks/src/readme-example.ts';

it('runs the example of README.md', async () => {
  await expect(runReadmeExample(new URL('..', import.meta.url).href)).resolves.toBeUndefined();
});
