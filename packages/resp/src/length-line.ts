import { byteAt } from './byte-at.ts';
import { LENGTH_CEILING } from './limits.ts';
import { CR, LF } from './reply-grammar.ts';
import { INCOMPLETE, MALFORMED } from './scan-result.ts';

/** A length up to here can take one more digit without passing the ceiling. */
export const LENGTH_GROWS_MAX: number = (LENGTH_CEILING - 9) / 10;

/**
 * Reads the digits and CR LF of a header line from `from`, which is behind its type byte: the
 * length, INCOMPLETE or MALFORMED. As in Redis' `string2ll` there are no leading zeros.
 */
export function readLength(buf: Uint8Array, from: number, end: number): number {
  let length = 0;
  let q = from;
  while (q < end && buf[q] !== CR) {
    const digit = byteAt(buf, q) - 48;
    if (digit < 0 || digit > 9 || length > LENGTH_GROWS_MAX) return MALFORMED;
    if (length === 0 && q > from) return MALFORMED;
    length = length * 10 + digit;
    q++;
  }
  if (q >= end) return INCOMPLETE;
  if (q === from) return MALFORMED;
  if (q + 1 >= end) return INCOMPLETE;
  return buf[q + 1] === LF ? length : MALFORMED;
}

/** Bytes that `readLength` read to find this length: its digits and CR LF. */
export function lengthLineBytes(length: number): number {
  let bytes = 3;
  for (let rest = length; rest > 9; rest = Math.floor(rest / 10)) bytes++;
  return bytes;
}
