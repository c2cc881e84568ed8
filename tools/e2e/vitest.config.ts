import { fileURLToPath } from 'node:url';
import { mergeConfig } from 'vitest/config';
import base from '../../vitest.base.ts';

const loader = new URL('../testkit/src/source-loader.mjs', import.meta.url);

export default mergeConfig(base, {
  test: {
    // The threads of a proxy inherit these flags and run the sources without a build.
    execArgv: ['--conditions=@undermoon/source', '--import', fileURLToPath(loader)],
    // After the unit tests: whoever measures times should not share two cores with them.
    sequence: { groupOrder: 1 },
  },
});
