import { expect, test } from 'vitest';
import { clientsToMove, needsAnotherLoop } from './spread-policy.ts';

test('another loop helps a busy one if there is a core for it', () => {
  expect(needsAnotherLoop({ utilization: 0.95, idleCores: 1.2 })).toBe(true);
  expect(needsAnotherLoop({ utilization: 0.95, idleCores: 0.4 })).toBe(false);
  expect(needsAnotherLoop({ utilization: 0.5, idleCores: 3 })).toBe(false);
});

test('clients move in steps, never past the balance', () => {
  expect(clientsToMove(100, 0)).toBe(25);
  expect(clientsToMove(5, 4)).toBe(0);
  expect(clientsToMove(3, 10)).toBe(0);
  expect(clientsToMove(1_000_000, 0)).toBe(256);
  for (let own = 100, other = 0; ;) {
    const count = clientsToMove(own, other);
    if (count === 0) break;
    own -= count;
    other += count;
    expect(own).toBeGreaterThanOrEqual(other);
  }
});
