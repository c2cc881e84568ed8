import { fileURLToPath } from 'node:url';
import { mergeConfig } from 'vitest/config';
import base from '../../vitest.base.ts';

const loader = new URL('../../tools/testkit/src/source-loader.mjs', import.meta.url);

// The threads of a proxy inherit these flags and run the sources without a build.
export default mergeConfig(base, {
  test: {
    execArgv: ['--conditions=@undermoon/source', '--import', fileURLToPath(loader)],
  },
});
