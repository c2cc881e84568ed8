import { expect, test } from 'vitest';
import { BusyMeter } from './busy-meter.ts';

test('a loop is busy while it neither waits nor pauses, since the last look', () => {
  const time = { active: 500, idle: 500 };
  let pausedMs = 40;
  const meter = new BusyMeter(
    () => pausedMs,
    () => ({ ...time }),
  );
  time.active += 1000;
  pausedMs += 300;
  expect(meter.next()).toEqual({ busyShare: 0.7, pausedMs: 300, periodMs: 1000 });
  time.active += 25;
  time.idle += 75;
  expect(meter.next()).toEqual({ busyShare: 0.25, pausedMs: 0, periodMs: 100 });
  expect(meter.next()).toEqual({ busyShare: 0, pausedMs: 0, periodMs: 0 });
});

test('the runtime knows how long a loop works', () => {
  const meter = new BusyMeter(() => 0);
  const end = performance.now() + 5;
  while (performance.now() < end);
  const { busyShare, periodMs } = meter.next();
  expect(busyShare).toBe(1);
  expect(periodMs).toBeGreaterThanOrEqual(5);
});
