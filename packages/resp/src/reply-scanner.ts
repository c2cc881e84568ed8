import { LENGTH_GROWS_MAX } from './length-line.ts';
import { LENGTH_CEILING } from './limits.ts';
import {
  COLON,
  CR,
  hasNullForm,
  KINDS,
  LF,
  MAP,
  NUMBER_ENDS,
  NUMBER_LINE,
  NUMBER_STARTS,
  NUMBER_STEPS,
  numberBytesMax,
  SEQUENCE,
  TEXT_LINE,
  UNKNOWN,
  VERBATIM,
  VERBATIM_PREFIX,
} from './reply-grammar.ts';
import { INCOMPLETE, MALFORMED } from './scan-result.ts';

/** `_\r\n` is the shortest. */
const ELEMENT_BYTES_MIN = 3;

/**
 * Finds the end of the RESP2 or RESP3 reply that begins at `pos`: its end offset, INCOMPLETE or
 * MALFORMED. Attributes count as part of the reply after them. Allocates nothing and keeps no state;
 * nesting costs a counter of elements still owed, so depth has no limit here. Bytes from `end` on
 * are not looked at. A reply found MALFORMED is so at every longer `end` too.
 */
export function scanReply(buf: Uint8Array, pos: number, end: number): number {
  let at = pos;
  let owed = 1;
  do {
    if (at + ELEMENT_BYTES_MIN > end) return judgeShort(buf, at, end);
    const kind = KINDS[buf[at]!]!;
    let length = buf[at + 1]! - 48;
    if (kind <= NUMBER_LINE || length < 0 || length > 9) {
      at = scanLine(buf, at, end);
      if (at < 0) return at;
      owed--;
      continue;
    }
    let q = at + 3;
    let c = buf[at + 2]!;
    while (c !== CR) {
      const digit = c - 48;
      if (digit < 0 || digit > 9 || length === 0 || length > LENGTH_GROWS_MAX) return MALFORMED;
      if (q >= end) return INCOMPLETE;
      length = length * 10 + digit;
      c = buf[q++]!;
    }
    if (q >= end) return INCOMPLETE;
    if (buf[q++] !== LF) return MALFORMED;
    if (kind <= VERBATIM) {
      if (kind === VERBATIM && !isVerbatim(buf, q, end, length)) return MALFORMED;
      at = q + length + 2;
      if (at > end) return at - 1 === end && buf[end - 1] !== CR ? MALFORMED : INCOMPLETE;
      if (buf[at - 2] !== CR || buf[at - 1] !== LF) return MALFORMED;
      owed--;
    } else {
      at = q;
      // An attribute is no element itself: the value it describes is still owed.
      owed += kind === SEQUENCE ? length - 1 : kind === MAP ? 2 * length - 1 : 2 * length;
      if (owed > LENGTH_CEILING) return MALFORMED;
    }
  } while (owed > 0);
  return at;
}

/** Elements of one line: text, numbers and the null forms of RESP2. */
function scanLine(buf: Uint8Array, at: number, end: number): number {
  const type = buf[at]!;
  if (type === COLON) return scanInteger(buf, at, end);
  const kind = KINDS[type]!;
  if (kind === TEXT_LINE) return scanText(buf, at, end);
  if (kind === NUMBER_LINE) return scanNumber(buf, at, end);
  return kind === UNKNOWN ? MALFORMED : scanNull(buf, at, end);
}

function scanText(buf: Uint8Array, at: number, end: number): number {
  let q = at + 1;
  let c = buf[q]!;
  while (c !== CR) {
    if (c === LF) return MALFORMED;
    if (++q >= end) return INCOMPLETE;
    c = buf[q]!;
  }
  return lineEnd(buf, q, end);
}

/** Integers without a sign; every other one goes through the automaton. */
function scanInteger(buf: Uint8Array, at: number, end: number): number {
  let q = at + 1;
  while (q < end && buf[q]! >= 48 && buf[q]! <= 57) q++;
  const digits = q - at - 1;
  if (q + 1 < end && digits > 0 && digits < 20 && buf[q] === CR && buf[q + 1] === LF) return q + 2;
  return scanNumber(buf, at, end);
}

function scanNumber(buf: Uint8Array, at: number, end: number): number {
  const type = buf[at]!;
  const bytesMax = numberBytesMax(type);
  let state = NUMBER_STARTS[type]!;
  let q = at + 1;
  while (q < end && buf[q] !== CR) {
    state = NUMBER_STEPS[(state << 8) | buf[q]!]!;
    if (state === 0 || q - at > bytesMax) return MALFORMED;
    q++;
  }
  if (q >= end) return INCOMPLETE;
  return NUMBER_ENDS[state] === 1 ? lineEnd(buf, q, end) : MALFORMED;
}

/** The offset after the CR LF whose CR is at `q`. */
function lineEnd(buf: Uint8Array, q: number, end: number): number {
  if (q + 1 >= end) return INCOMPLETE;
  return buf[q + 1] === LF ? q + 2 : MALFORMED;
}

function scanNull(buf: Uint8Array, at: number, end: number): number {
  if (!hasNullForm(buf[at]!) || buf[at + 1] !== 45 || buf[at + 2] !== 49) return MALFORMED;
  if (at + 3 >= end) return INCOMPLETE;
  return buf[at + 3] === CR ? lineEnd(buf, at + 3, end) : MALFORMED;
}

function isVerbatim(buf: Uint8Array, start: number, end: number, length: number): boolean {
  if (length < VERBATIM_PREFIX) return false;
  const colon = start + VERBATIM_PREFIX - 1;
  return colon >= end || buf[colon] === COLON;
}

/** For fewer bytes than the shortest element has: can they begin one? */
function judgeShort(buf: Uint8Array, at: number, end: number): number {
  if (at >= end) return INCOMPLETE;
  const type = buf[at]!;
  const kind = KINDS[type]!;
  if (kind === UNKNOWN) return MALFORMED;
  if (at + 1 >= end) return INCOMPLETE;
  if (kind <= NUMBER_LINE) return scanLine(buf, at, end);
  const c = buf[at + 1]!;
  if (c >= 48 && c <= 57) return INCOMPLETE;
  return c === 45 && hasNullForm(type) ? INCOMPLETE : MALFORMED;
}
