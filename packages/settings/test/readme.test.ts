import { expect, it } from 'vitest';

import { runReadmeExample } from '../../../tools/repo-checks/src/readme-example.ts';

it('the example of the README holds', async () => {
  await expect(runReadmeExample(new URL('..', import.meta.url).href)).resolves.toBeUndefined();
});
