import type { Clock } from '@undermoon/runtime';

/**
 * Settles as `work` does, or rejects with `onExpiry()` after `limitMs`. A late failure of `work` is then of
 * no interest to anybody and goes unreported.
 */
export function withDeadline<T>(
  clock: Clock,
  limitMs: number,
  work: Promise<T>,
  onExpiry: () => Error,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = clock.after(Math.max(limitMs, 0), () => reject(onExpiry()));
    const settle = async (): Promise<void> => {
      try {
        resolve(await work);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      } finally {
        cancel();
      }
    };
    void settle();
  });
}
