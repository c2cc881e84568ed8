import { expect, test } from 'vitest';
import { runReadmeExample } from '../../../tools/repo-checks/src/readme-example.ts';

test('the example of the README runs', async () => {
  await expect(runReadmeExample(new URL('..', import.meta.url).href)).resolves.toBeUndefined();
});
