import { describe, expect, it } from 'vitest';
import { parseSlotId, SLOT_COUNT } from './slot-id.ts';

describe('parseSlotId', () => {
  it.each([0, 1, SLOT_COUNT - 1])('accepts %d', (value) => {
    expect(parseSlotId(value)).toBe(value);
  });

  it.each([-1, SLOT_COUNT, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    'refuses %d',
    (value) => {
      expect(parseSlotId(value)).toBeNull();
    },
  );
});
