// The file that a proxy with several event loops starts its threads with; see shell/loop-thread.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { isLoopBoot } from './shell/loop-messages.ts';
import { serveInThread } from './shell/serve-in-thread.ts';

const boot: unknown = workerData;
if (parentPort === null || !isLoopBoot(boot)) {
  throw new Error('this file is started by a proxy, in a thread of it');
}
await serveInThread(parentPort, boot);
