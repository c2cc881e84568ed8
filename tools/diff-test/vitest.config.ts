import { mergeConfig } from 'vitest/config';
import base from '../../vitest.base.ts';

export default mergeConfig(base, {
  test: {
    // After the unit tests: a run that lasts a minute should not share two cores with them.
    sequence: { groupOrder: 1 },
  },
});
