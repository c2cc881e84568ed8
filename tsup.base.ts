import { defineConfig, type Options } from 'tsup';

const shared: Options = {
  target: 'node20',
  platform: 'node',
  sourcemap: true,
  clean: true,
  treeshake: true,
};

/** A library: ES modules with their types. */
export const lib = (options: Options = {}): ReturnType<typeof defineConfig> =>
  defineConfig({ ...shared, entry: ['src/index.ts'], format: ['esm'], dts: true, ...options });

/**
 * A command: one file that carries the workspace's own packages, so that its tarball stands alone. Those are
 * taken from their sources, so that a command can be built before the libraries are.
 */
export const cli = (options: Options = {}): ReturnType<typeof defineConfig> =>
  defineConfig({
    ...shared,
    entry: ['src/cli.ts'],
    format: ['esm'],
    dts: false,
    noExternal: [/^@undermoon\//],
    esbuildOptions: (esbuild) => {
      esbuild.conditions = ['@undermoon/source', 'module'];
    },
    ...options,
  });
