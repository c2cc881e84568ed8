import { expect, test } from 'vitest';
import { runReadmeExample } from '../../../tools/repo-checks/src/readme-example.ts';

test.each([0, 1])('example %i of the README runs', async (index) => {
  const directory = new URL('..', import.meta.url).href;
  await expect(runReadmeExample(directory, index)).resolves.toBeUndefined();
});
