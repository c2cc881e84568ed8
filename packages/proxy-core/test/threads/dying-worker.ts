import { parentPort } from 'node:worker_threads';

await import('../../src/loop-worker.ts');
// The trial comes after 'ready', and the proxy's first words after the trial.
parentPort?.once('message', () => {
  throw new Error('dies on purpose');
});
