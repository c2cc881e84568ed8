import { setTimeout as wait } from 'node:timers/promises';

/** How long to poll, and how often. */
export interface UntilOptions {
  readonly timeoutMs: number;
  /** Default 50. */
  readonly intervalMs?: number;
}

/**
 * Polls until `probe` gives something other than null, undefined or false, and returns it. A probe that throws
 * counts as not yet; its last error is the cause of the failure at the deadline.
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  { timeoutMs, intervalMs = 50 }: UntilOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== null && value !== undefined && value !== false) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) {
      const reason = cause instanceof Error ? `: ${cause.message}` : '';
      throw new Error(`not within ${timeoutMs} ms: ${what}${reason}`, { cause });
    }
    await wait(intervalMs);
  }
}

/** The outcome of `work`, or an error when it has none in time. `work` itself goes on. */
export async function within<T>(what: string, work: Promise<T>, timeoutMs: number): Promise<T> {
  const stop = new AbortController();
  const late = wait(timeoutMs, null, { signal: stop.signal }).then(() => {
    throw new Error(`no outcome within ${timeoutMs} ms: ${what}`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
    late.catch(() => undefined);
    work.catch(() => undefined);
  }
}
