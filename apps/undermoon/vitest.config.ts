import { mergeConfig } from 'vitest/config';
import base from '../../vitest.base.ts';

export default mergeConfig(base, {
  // Most tests start many processes.
  test: { testTimeout: 120_000, hookTimeout: 120_000 },
});
