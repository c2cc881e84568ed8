import { defineConfig } from 'vitest/config';

// Tests import the workspace's packages from src, so they need no build.
const conditions = ['@undermoon/source', 'module', 'node', 'development|production'];

export default defineConfig({
  ssr: { resolve: { conditions } },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 15_000,
  },
});
