import { describe, expect, it } from 'vitest';
import { EPOCH_ZERO, nextEpoch, parseEpoch } from './epoch.ts';

const LAST = Number.MAX_SAFE_INTEGER;

describe('parseEpoch', () => {
  it.each([0, 1, LAST])('accepts %d as number and as text', (value) => {
    expect(parseEpoch(value)).toBe(value);
    expect(parseEpoch(String(value))).toBe(value);
  });

  it.each<[unknown]>([
    [LAST + 1],
    [String(LAST + 1)],
    ['18446744073709551615'],
    [-1],
    [0.5],
    [Number.NaN],
    [''],
    ['-1'],
    ['+1'],
    ['1.0'],
    ['1e3'],
    [' 1'],
    [null],
    [1n],
    [[1]],
  ])('refuses %s', (value) => {
    expect(parseEpoch(value)).toBeNull();
  });
});

describe('nextEpoch', () => {
  it('is one higher', () => {
    expect(nextEpoch(EPOCH_ZERO)).toBe(1);
  });

  it('throws where the numbers end', () => {
    const last = parseEpoch(LAST);
    expect(() => nextEpoch(last!)).toThrow(RangeError);
  });
});
