import { isUtf8, type Buffer } from 'node:buffer';
import { accept } from '@undermoon/runtime';
import type { SliceMeter, Slices } from '../slices.ts';
import { refuseWords, type WordsOutcome } from '../umctl/word-cursor.ts';

/** The longest text, and the most members of one object; nothing in a command comes near them. */
const TEXT_BYTES_MAX = 1024 * 1024;
const MEMBERS_MAX = 65_536;
/** Bytes of a text that cost as much as one item of a slice. */
const TEXT_BYTES_PER_ITEM = 256;
const NUMBER_CHARS_MAX = 1024;
const SMALL_DIGITS = 9;

const BOM = [0xef, 0xbb, 0xbf];
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const WORDS: ReadonlyMap<number, readonly [text: string, value: unknown]> = new Map([
  [0x74, ['true', true]],
  [0x66, ['false', false]],
  [0x6e, ['null', null]],
]);

/** What may come next. */
type Expected =
  | 'value'
  | 'value-or-end'
  | 'key'
  | 'key-or-end'
  | 'colon'
  | 'comma-or-end'
  | 'nothing';

type JsonObject = Record<string, unknown>;

/**
 * Reads UTF-8 JSON to what `JSON.parse` makes of it, in slices. Nesting may have any depth: containers that
 * are open are kept in a list.
 */
export function* readJson(bytes: Buffer, meter: SliceMeter): Slices<WordsOutcome<unknown>> {
  const reader = new JsonReader(bytes);
  while (!reader.isDone) {
    const items = reader.step();
    if (meter.isFullAfter(items)) yield;
  }
  return reader.outcome;
}

/** The state between two values. */
class JsonReader {
  outcome: WordsOutcome<unknown> = accept(null);
  isDone = false;
  readonly #bytes: Buffer;
  #at = 0;
  #expected: Expected = 'value';
  /** Containers that are open, the innermost last, each with the key that waits for its value. */
  readonly #open: (unknown[] | JsonObject)[] = [];
  readonly #keys: string[] = [];
  readonly #memberCounts: number[] = [];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    // As a TextDecoder does.
    if (BOM.every((byte, i) => bytes[i] === byte)) this.#at = BOM.length;
    if (!isUtf8(bytes)) this.#refuse();
  }

  /** Reads up to the end of the next token. Returns the items of a slice that it cost. */
  step(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    let byte = bytes[at] ?? -1;
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      byte = bytes[++at] ?? -1;
      if (at - this.#at > TEXT_BYTES_PER_ITEM) break;
    }
    const blanks = at - this.#at;
    this.#at = at;
    if (blanks > TEXT_BYTES_PER_ITEM) return 1;
    switch (this.#expected) {
      case 'value':
        return this.#value(byte);
      case 'value-or-end':
        return byte === CLOSE_LIST ? this.#close() : this.#value(byte);
      case 'key':
        return this.#key(byte);
      case 'key-or-end':
        return byte === CLOSE_OBJECT ? this.#close() : this.#key(byte);
      case 'colon':
        return this.#colon(byte);
      case 'comma-or-end':
        return this.#afterValue(byte);
      case 'nothing':
        if (at === bytes.length) this.isDone = true;
        else this.#refuse();
        return 1;
    }
  }

  #value(byte: number): number {
    switch (byte) {
      case OPEN_LIST:
        if (this.#pair()) return 1;
        this.#expected = 'value-or-end';
        return this.#push([]);
      case OPEN_OBJECT:
        this.#expected = 'key-or-end';
        return this.#push({});
      case QUOTE: {
        const start = this.#at;
        const text = this.#text();
        if (text !== null) this.#add(text);
        return 1 + Math.floor((this.#at - start) / TEXT_BYTES_PER_ITEM);
      }
      default:
        return byte === MINUS || (byte >= ZERO && byte <= 0x39) ? this.#number() : this.#word(byte);
    }
  }

  /**
   * Reads a list of two small numbers without blanks, as slot ranges are written, in one go; as a list that
   * grows it would take three times the memory. False: it is something else, and nothing was read.
   */
  #pair(): boolean {
    const bytes = this.#bytes;
    const first = smallNumberEnd(bytes, this.#at + 1);
    if (bytes[first] !== COMMA) return false;
    const second = smallNumberEnd(bytes, first + 1);
    if (bytes[second] !== CLOSE_LIST || second === first + 1) return false;
    const start = smallNumber(bytes, this.#at + 1, first);
    const end = smallNumber(bytes, first + 1, second);
    if (start < 0 || end < 0) return false;
    this.#at = second + 1;
    this.#add([start, end]);
    return true;
  }

  #push(container: unknown[] | JsonObject): number {
    this.#at += 1;
    this.#open.push(container);
    this.#keys.push('');
    this.#memberCounts.push(0);
    return 2;
  }

  #close(): number {
    this.#at += 1;
    this.#keys.pop();
    this.#memberCounts.pop();
    const container = this.#open.pop();
    this.#add(container);
    return 1;
  }

  /** Puts a value where it belongs. */
  #add(value: unknown): void {
    const depth = this.#open.length - 1;
    const parent = this.#open[depth];
    if (parent === undefined) {
      this.outcome = accept(value);
      this.#expected = 'nothing';
      return;
    }
    this.#expected = 'comma-or-end';
    if (Array.isArray(parent)) {
      parent.push(value);
      return;
    }
    const key = this.#keys[depth] ?? '';
    // An assignment would replace the prototype.
    if (key === '__proto__') {
      Object.defineProperty(parent, key, {
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    } else parent[key] = value;
  }

  #key(byte: number): number {
    if (byte !== QUOTE) return this.#refuse();
    const depth = this.#open.length - 1;
    const count = (this.#memberCounts[depth] ?? 0) + 1;
    if (count > MEMBERS_MAX) return this.#refuse(`an object of more than ${MEMBERS_MAX} members`);
    const key = this.#text();
    if (key === null) return 1;
    this.#keys[depth] = key;
    this.#memberCounts[depth] = count;
    this.#expected = 'colon';
    return 1 + Math.floor(key.length / TEXT_BYTES_PER_ITEM);
  }

  #colon(byte: number): number {
    if (byte !== COLON) return this.#refuse();
    this.#at += 1;
    this.#expected = 'value';
    return 1;
  }

  #afterValue(byte: number): number {
    const isList = Array.isArray(this.#open.at(-1));
    if (byte === COMMA) {
      this.#at += 1;
      this.#expected = isList ? 'value' : 'key';
      return 1;
    }
    return byte === (isList ? CLOSE_LIST : CLOSE_OBJECT) ? this.#close() : this.#refuse();
  }

  /** The text whose opening quote is here; null when there is none. */
  #text(): string | null {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    const endMax = Math.min(bytes.length, start + TEXT_BYTES_MAX + 1);
    let at = start;
    let isPlain = true;
    for (; at < endMax && bytes[at] !== QUOTE; at++) {
      const byte = bytes[at] ?? 0;
      if (byte < 0x20) return this.#refuseText();
      if (byte === BACKSLASH) {
        isPlain = false;
        at += 1;
      }
    }
    if (at >= endMax) {
      if (endMax < bytes.length) this.#refuse(`a text of more than ${TEXT_BYTES_MAX} bytes`);
      return this.#refuseText();
    }
    this.#at = at + 1;
    if (isPlain) return bytes.toString('utf8', start, at);
    return this.#escapedText(bytes.toString('utf8', start - 1, at + 1));
  }

  #escapedText(quoted: string): string | null {
    try {
      return String(JSON.parse(quoted));
    } catch (error) {
      if (error instanceof SyntaxError) return this.#refuseText();
      throw error;
    }
  }

  #number(): number {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    let value = 0;
    let byte = bytes[at] ?? 0;
    // Slots and small epochs, which are nearly all there are.
    while (byte >= ZERO && byte <= 0x39 && at - start < 9) {
      value = value * 10 + byte - ZERO;
      byte = bytes[++at] ?? 0;
    }
    const hasPlainStart = at > start && (bytes[start] !== ZERO || at === start + 1);
    if (hasPlainStart && !isNumberByte(byte)) {
      this.#at = at;
      this.#add(value);
      return 1;
    }
    const endMax = Math.min(bytes.length, start + NUMBER_CHARS_MAX);
    while (at < endMax && isNumberByte(bytes[at])) at += 1;
    const text = bytes.toString('latin1', start, at);
    if (!NUMBER.test(text)) return this.#refuse();
    this.#at = at;
    this.#add(Number(text));
    return 4;
  }

  #word(byte: number): number {
    const word = WORDS.get(byte);
    if (word === undefined) return this.#refuse();
    const [text, value] = word;
    const end = this.#at + text.length;
    if (this.#bytes.toString('latin1', this.#at, end) !== text) return this.#refuse();
    this.#at = end;
    this.#add(value);
    return 1;
  }

  #refuseText(): null {
    if (!this.isDone) this.#refuse();
    return null;
  }

  #refuse(reason = 'not JSON in UTF-8'): number {
    this.outcome = refuseWords(`payload: ${reason}`);
    this.isDone = true;
    return 1;
  }
}

function smallNumberEnd(bytes: Buffer, start: number): number {
  let at = start;
  while (at - start < SMALL_DIGITS && isDigit(bytes[at])) at += 1;
  return at;
}

/** The number of these digits; -1: there are none, or a zero stands before others. */
function smallNumber(bytes: Buffer, start: number, end: number): number {
  if (start === end || (bytes[start] === ZERO && end > start + 1)) return -1;
  let value = 0;
  for (let at = start; at < end; at++) value = value * 10 + (bytes[at] ?? 0) - ZERO;
  return value;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

/** Digits, signs, the point, and the letter of an exponent. */
function isNumberByte(byte: number | undefined): boolean {
  if (isDigit(byte)) return true;
  return byte === MINUS || byte === 0x2b || byte === 0x2e || byte === 0x65 || byte === 0x45;
}
