import { describe, expect, it } from 'vitest';
import { DEFAULT_RESP_LIMITS, LENGTH_CEILING, resolveLimits } from './limits.ts';

describe('resolveLimits', () => {
  it('fills in the defaults', () => {
    expect(resolveLimits(undefined, DEFAULT_RESP_LIMITS)).toStrictEqual(DEFAULT_RESP_LIMITS);
    expect(resolveLimits({ bulkBytesMax: 7 }, DEFAULT_RESP_LIMITS)).toStrictEqual({
      ...DEFAULT_RESP_LIMITS,
      bulkBytesMax: 7,
    });
  });

  it.each([0, -1, 1.5, NaN, Infinity, LENGTH_CEILING + 1])('refuses %d by name', (value) => {
    expect(() => resolveLimits({ arrayLengthMax: value }, DEFAULT_RESP_LIMITS)).toThrow(
      /^arrayLengthMax must be an integer from 1 to 2147483639/,
    );
  });
});
