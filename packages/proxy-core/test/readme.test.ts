import path from 'node:path';
import { startRedis } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { runReadmeExample } from '../../../tools/repo-checks/src/readme-example.ts';

test('the example in the README runs', async () => {
  const redis = await startRedis();
  process.env['REDIS_ADDRESS'] = redis.address;
  await expect(runReadmeExample(path.join(import.meta.dirname, '..'))).resolves.toBeUndefined();
  await redis.stop();
});
