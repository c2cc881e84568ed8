import { defineConfig } from 'vitest/config';

// Tests import the workspace's packages from src, so they need no build.
const conditions = ['@undermoon/source', 'module', 'node', 'development|production'];

export default defineConfig({
  ssr: { resolve: { conditions } },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    // Each ends what hangs; how fast something has to be is for the test to say that promises it.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 55_000 } },
  },
});
