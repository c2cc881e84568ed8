// Lets the thread that loads this file, and threads that it starts, run TypeScript. With `--import tsx` it
// would be the main thread alone.
import { register } from 'tsx/esm/api';

register();
