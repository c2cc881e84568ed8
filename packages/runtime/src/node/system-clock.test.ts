import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from './system-clock.ts';

const DAY_MS = 86_400_000;

afterEach(() => {
  vi.useRealTimers();
});

describe('systemClock', () => {
  it('tells the wall clock time', () => {
    const before = Date.now();
    const now = systemClock.now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  it('never goes back', () => {
    let last = systemClock.monotonicMs();
    for (let i = 0; i < 1000; i++) {
      const next = systemClock.monotonicMs();
      expect(next).toBeGreaterThanOrEqual(last);
      last = next;
    }
  });

  it('calls back once, not before its time', async () => {
    const startedAt = systemClock.monotonicMs();
    const callback = vi.fn<() => void>();
    const cancel = await new Promise<() => void>((resolve) => {
      const cancelTimer = systemClock.after(20, () => {
        callback();
        resolve(cancelTimer);
      });
    });
    // setTimeout counts in whole milliseconds and may be early by less than one.
    expect(systemClock.monotonicMs() - startedAt).toBeGreaterThanOrEqual(19);
    cancel();
    cancel();
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('does not call back after a cancel', () => {
    vi.useFakeTimers();
    const callback = vi.fn<() => void>();
    const cancel = systemClock.after(10, callback);
    cancel();
    cancel();
    vi.advanceTimersByTime(1000);
    expect(callback).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps delays that are longer than a timer of the platform', () => {
    vi.useFakeTimers();
    const callback = vi.fn<() => void>();
    systemClock.after(60 * DAY_MS, callback);
    vi.advanceTimersByTime(60 * DAY_MS - 1);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('cancels long delays at any time', () => {
    vi.useFakeTimers();
    const callback = vi.fn<() => void>();
    const cancel = systemClock.after(60 * DAY_MS, callback);
    vi.advanceTimersByTime(30 * DAY_MS);
    cancel();
    vi.advanceTimersByTime(60 * DAY_MS);
    expect(callback).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});
