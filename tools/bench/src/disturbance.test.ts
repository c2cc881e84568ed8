import { expect, it } from 'vitest';
import { disturbanceOf, isDisturbed } from './disturbance.ts';

const SECOND = 1e6;

it('counts what was neither ours nor idle', () => {
  const quiet = disturbanceOf({
    wallUs: SECOND,
    busyUs: 1.75 * SECOND,
    stealUs: 0.02 * SECOND,
    oursUs: 1.7 * SECOND,
    lateShare: 0,
  });
  expect(quiet.otherCores).toBeCloseTo(0.05);
  expect(quiet.stealCores).toBeCloseTo(0.02);
  expect(isDisturbed(quiet)).toBe(false);
});

it('is disturbed by others and by the hypervisor, alone or together', () => {
  expect(isDisturbed({ otherCores: 0.2, stealCores: 0, lateShare: 0 })).toBe(true);
  expect(isDisturbed({ otherCores: 0, stealCores: 0.2, lateShare: 0 })).toBe(true);
  expect(isDisturbed({ otherCores: 0.1, stealCores: 0.1, lateShare: 0 })).toBe(true);
});

it('is disturbed when the load generator was kept from running', () => {
  expect(isDisturbed({ otherCores: 0, stealCores: 0, lateShare: 0.02 })).toBe(true);
  expect(isDisturbed({ otherCores: 0, stealCores: 0, lateShare: 0.001 })).toBe(false);
});

it('does not take rounding for less than nothing', () => {
  const cpu = { wallUs: SECOND, busyUs: 0.99 * SECOND, stealUs: 0, oursUs: SECOND, lateShare: 0 };
  expect(disturbanceOf(cpu).otherCores).toBe(0);
});
