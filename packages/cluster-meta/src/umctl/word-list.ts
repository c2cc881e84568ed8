import { Buffer, isAscii, isUtf8 } from 'node:buffer';

/** What `rangeAt` returns for a word that is not plainly a range of slots. */
export const NOT_PLAIN = -1;

const RANGE_BITS = 14;
const RANGE_MASK = (1 << RANGE_BITS) - 1;
const SLOT_DIGITS_MAX = 5;
const DASH = 0x2d;
const ZERO = 0x30;

/** The words of one command. */
export interface WordList {
  readonly length: number;
  /** The word as text; undefined past the end. */
  textAt(index: number): string | undefined;
  /** The word as UTF-8; nothing past the end. */
  bytesAt(index: number): Uint8Array;
  /**
   * A range of slots in its usual form, both ends in one number (`rangeStart`, `rangeEnd`). NOT_PLAIN: the
   * word has to be looked at as text, which may be a range all the same.
   */
  rangeAt(index: number): number;
}

/** The first slot of what `rangeAt` returned. */
export function rangeStart(packed: number): number {
  return packed >> RANGE_BITS;
}

/** The last slot of what `rangeAt` returned. */
export function rangeEnd(packed: number): number {
  return packed & RANGE_MASK;
}

/** Words that are texts. */
export class TextWords implements WordList {
  readonly #words: readonly string[];

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get length(): number {
    return this.#words.length;
  }

  textAt(index: number): string | undefined {
    return this.#words[index];
  }

  bytesAt(index: number): Uint8Array {
    return Buffer.from(this.#words[index] ?? '');
  }

  rangeAt(): number {
    return NOT_PLAIN;
  }
}

/** Where the words of a command stand in its frame. */
export interface FrameLayout {
  /** Offset of the first byte of each word. */
  readonly starts: Int32Array;
  /** Offset after the last byte of each word. */
  readonly ends: Int32Array;
}

/**
 * The words of a command as they stand in its RESP frame, without an object for each of them: a large command
 * has tens of thousands.
 */
export class FrameWords implements WordList {
  readonly length: number;
  readonly #frame: Buffer;
  readonly #layout: FrameLayout;
  readonly #first: number;
  readonly #isAscii: boolean;

  /** The words from number `first` on. Neither the frame nor the layout may change from now on. */
  constructor(frame: Buffer, layout: FrameLayout, first: number) {
    this.length = Math.max(0, layout.starts.length - first);
    this.#frame = frame;
    this.#layout = layout;
    this.#first = first;
    this.#isAscii = isAscii(frame);
  }

  textAt(index: number): string | undefined {
    if (index >= this.length) return undefined;
    const start = this.#layout.starts[this.#first + index];
    const end = this.#layout.ends[this.#first + index];
    return this.#frame.toString(this.#isAscii ? 'latin1' : 'utf8', start, end);
  }

  bytesAt(index: number): Uint8Array {
    const { starts, ends } = this.#layout;
    return this.#frame.subarray(starts[this.#first + index] ?? 0, ends[this.#first + index] ?? 0);
  }

  rangeAt(index: number): number {
    if (index >= this.length) return NOT_PLAIN;
    const frame = this.#frame;
    const end = this.#layout.ends[this.#first + index] ?? 0;
    let at = this.#layout.starts[this.#first + index] ?? 0;
    let start = 0;
    const dashMax = Math.min(end, at + SLOT_DIGITS_MAX + 1);
    const first = at;
    for (; at < dashMax && frame[at] !== DASH; at++) {
      const digit = (frame[at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) return NOT_PLAIN;
      start = start * 10 + digit;
    }
    if (at === first || at === dashMax) return NOT_PLAIN;
    const second = ++at;
    if (second === end || end - second > SLOT_DIGITS_MAX) return NOT_PLAIN;
    let last = 0;
    for (; at < end; at++) {
      const digit = (frame[at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) return NOT_PLAIN;
      last = last * 10 + digit;
    }
    return start > RANGE_MASK || last > RANGE_MASK ? NOT_PLAIN : (start << RANGE_BITS) | last;
  }

  /** The number of the first word that is not UTF-8, or -1. Words before the first are taken to be UTF-8. */
  firstNotUtf8(): number {
    if (this.#isAscii || isUtf8(this.#frame)) return -1;
    // Words end with ASCII, so the bytes up to a word's end are UTF-8 exactly if all words up to it are.
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const end = this.#layout.ends[this.#first + middle] ?? 0;
      if (isUtf8(this.#frame.subarray(0, end))) low = middle + 1;
      else high = middle;
    }
    return low < this.length ? low : -1;
  }
}
