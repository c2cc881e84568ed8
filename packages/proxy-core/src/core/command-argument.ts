import type { CommandFrame } from './command-lookup.ts';

const ZERO = 48;
const NINE = 57;
const MINUS = 45;
// The longest number of digits of which every value is exact and within 64 bits.
const DIGITS_MAX = 18;
const INT64_MAX = 9_223_372_036_854_775_807n;

/** Whether argument `index` is `word` (given in upper case) in any case. */
export function argumentIs(
  word: string,
  bytes: Uint8Array,
  frame: CommandFrame,
  index: number,
): boolean {
  const start = frame.argStart[index] ?? 0;
  if ((frame.argEnd[index] ?? 0) - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    const byte = bytes[start + i] ?? 0;
    if ((byte >= 97 && byte <= 122 ? byte - 32 : byte) !== word.charCodeAt(i)) return false;
  }
  return true;
}

/**
 * Argument `index` as Redis reads integers: 64 bits, no sign but '-', no leading zero. NaN if it is none;
 * beyond 53 bits the value is rounded.
 */
export function integerArgument(bytes: Uint8Array, frame: CommandFrame, index: number): number {
  return integerIn(bytes, frame.argStart[index] ?? 0, frame.argEnd[index] ?? 0);
}

/** The same for all of `bytes`. */
export function integerOf(bytes: Uint8Array): number {
  return integerIn(bytes, 0, bytes.length);
}

function integerIn(bytes: Uint8Array, start: number, end: number): number {
  const isNegative = end > start && bytes[start] === MINUS;
  const from = isNegative ? start + 1 : start;
  const length = end - from;
  if (length === 0 || length > DIGITS_MAX + 1) return Number.NaN;
  if (bytes[from] === ZERO) return length === 1 && !isNegative ? 0 : Number.NaN;
  let value = 0;
  for (let i = from; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte < ZERO || byte > NINE) return Number.NaN;
    value = value * 10 + (byte - ZERO);
  }
  if (length > DIGITS_MAX && isBeyondInt64(bytes.subarray(from, end), isNegative))
    return Number.NaN;
  return isNegative ? -value : value;
}

function isBeyondInt64(digits: Uint8Array, isNegative: boolean): boolean {
  const value = BigInt(String.fromCharCode(...digits));
  return value > (isNegative ? INT64_MAX + 1n : INT64_MAX);
}
