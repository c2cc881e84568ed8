// A thread that wakes the load generator at every due time of a group. Timers of Node.js count in whole
// milliseconds, which would make four groups one.
import { parentPort, workerData } from 'node:worker_threads';

const { firstUs, everyUs } = workerData;
const nothing = new Int32Array(new SharedArrayBuffer(4));
let nextUs = firstUs;
for (;;) {
  const leftUs = nextUs - Number(process.hrtime.bigint()) / 1000;
  if (leftUs > 0) Atomics.wait(nothing, 0, 0, leftUs / 1000);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(null);
  nextUs = Math.max(nextUs, Number(process.hrtime.bigint()) / 1000 - everyUs) + everyUs;
}
