import { expect, it } from 'vitest';
import { systemRandom } from './system-random.ts';

it('gives numbers from 0 to below 1, not always the same', () => {
  const numbers = Array.from({ length: 1000 }, () => systemRandom.next());
  expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
  expect(new Set(numbers).size).toBeGreaterThan(900);
});

it('gives as many random bytes as asked for', () => {
  expect(systemRandom.hex(0)).toBe('');
  expect(systemRandom.hex(16)).toMatch(/^[0-9a-f]{32}$/);
  expect(systemRandom.hex(16)).not.toBe(systemRandom.hex(16));
});
