import { lib } from '../../tsup.base.ts';

// The second file is what the threads of a proxy start with.
export default lib({
  entry: ['src/index.ts', 'src/loop-worker.ts'],
  dts: { entry: ['src/index.ts'] },
});
