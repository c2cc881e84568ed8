import { byteAt } from './byte-at.ts';

const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;
const BACKSLASH = 92;
const LOWER_X = 120;

/** What a backslash and this letter stand for between double quotes. */
const ESCAPES: Readonly<Record<number, number>> = { 97: 7, 98: 8, 110: 10, 114: 13, 116: 9 };

/**
 * Splits an inline command line into its words by the rules of Redis' `sdssplitargs`: words are
 * parted by blanks; `"…"` knows `\n \r \t \b \a \xHH` and `\` before any other byte, `'…'` only
 * `\'`; a closing quote must be followed by a blank or the end. The line may still carry its line
 * end. Returns null when quotes are unbalanced. The words are copies.
 */
export function splitInline(buf: Uint8Array, pos: number, end: number): Buffer[] | null {
  const words: Buffer[] = [];
  // No word is longer than its text, so one array of the line's length serves all of them.
  const word = Buffer.allocUnsafe(Math.max(end - pos, 0));
  let at = pos;
  while (at < end) {
    if (isBlank(byteAt(buf, at))) {
      at++;
      continue;
    }
    let length = 0;
    while (at < end && !endsWord(byteAt(buf, at))) {
      const c = byteAt(buf, at++);
      if (c !== DOUBLE_QUOTE && c !== SINGLE_QUOTE) {
        word[length++] = c;
        continue;
      }
      const target = { buf: word, length };
      at = c === DOUBLE_QUOTE ? readDouble(buf, at, end, target) : readSingle(buf, at, end, target);
      if (at < 0) return null;
      length = target.length;
      break;
    }
    words.push(Buffer.from(word.subarray(0, length)));
  }
  return words;
}

/** True for the bytes of C's `isspace`, which Redis skips between words. */
export function isBlank(c: number): boolean {
  return c === 32 || (c >= 9 && c <= 13);
}

/** Inside a word only these end it; vertical tab and form feed belong to the word. */
function endsWord(c: number): boolean {
  return c === 32 || c === 9 || c === 10 || c === 13;
}

interface Word {
  readonly buf: Buffer;
  length: number;
}

/** Reads up to the closing quote; returns the offset after it, or -1. */
function readDouble(buf: Uint8Array, from: number, end: number, word: Word): number {
  let at = from;
  while (at < end) {
    const c = byteAt(buf, at++);
    if (c === DOUBLE_QUOTE) return closesWell(buf, at, end) ? at : -1;
    if (c !== BACKSLASH || at >= end) {
      word.buf[word.length++] = c;
      continue;
    }
    const escaped = byteAt(buf, at++);
    const high = escaped === LOWER_X && at + 1 < end ? hexDigit(byteAt(buf, at)) : -1;
    const low = high >= 0 ? hexDigit(byteAt(buf, at + 1)) : -1;
    if (low >= 0) {
      word.buf[word.length++] = high * 16 + low;
      at += 2;
    } else {
      word.buf[word.length++] = ESCAPES[escaped] ?? escaped;
    }
  }
  return -1;
}

function readSingle(buf: Uint8Array, from: number, end: number, word: Word): number {
  let at = from;
  while (at < end) {
    const c = byteAt(buf, at++);
    if (c === SINGLE_QUOTE) return closesWell(buf, at, end) ? at : -1;
    if (c === BACKSLASH && at < end && buf[at] === SINGLE_QUOTE) {
      word.buf[word.length++] = SINGLE_QUOTE;
      at++;
    } else {
      word.buf[word.length++] = c;
    }
  }
  return -1;
}

function closesWell(buf: Uint8Array, at: number, end: number): boolean {
  return at >= end || isBlank(byteAt(buf, at));
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const letter = c | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
