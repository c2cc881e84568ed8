/** Undoes one thing. Must be synchronous: it runs while the process is exiting. */
export type Cleanup = () => void;

const cleanups = new Set<Cleanup>();
let isInstalled = false;

/** Runs `cleanup` when this process exits or is told to by a signal. Returns a function that takes that back. */
export function onProcessExit(cleanup: Cleanup): () => void {
  if (!isInstalled) install();
  cleanups.add(cleanup);
  return () => cleanups.delete(cleanup);
}

function install(): void {
  isInstalled = true;
  process.on('exit', runCleanups);
  // A test runner stops its workers with SIGTERM, after which no 'exit' event comes by itself.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.once(signal, () => {
      runCleanups();
      process.kill(process.pid, signal);
    });
  }
}

function runCleanups(): void {
  for (const cleanup of cleanups) cleanup();
  cleanups.clear();
}
