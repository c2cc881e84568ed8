import { cli } from '../../tsup.base.ts';

export default cli({
  entry: {
    cli: 'src/cli.ts',
    // What the threads of a proxy start with; it is looked for beside the program.
    'loop-worker': '../../packages/proxy-core/src/loop-worker.ts',
  },
});
