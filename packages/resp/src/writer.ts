const FIRST_BYTES = 1024;
const ZERO = 0x30;
const SMALL_NUMBERS = 1_000_000;
/** Type, digits and line end of a number below that. */
const SMALL_NUMBER_BYTES = 9;
/** A reply from this size on is given away with its buffer; smaller ones are copied out of it. */
const GIVEN_AWAY_BYTES = 16 * 1024;

/**
 * Writes replies for one connection into a growing buffer. In protocol 2 the types of RESP3 are
 * written as Redis writes them there: maps as flat arrays, sets and pushes as arrays, doubles,
 * big numbers and verbatim strings as bulk strings, booleans as 1 and 0.
 *
 * The headers `array`, `map`, `set` and `push` are followed by so many elements (for a map, pairs),
 * which the caller writes next.
 */
export class RespWriter {
  /** May be changed between replies, as `HELLO` does. */
  protocol: 2 | 3;
  #bytes: Buffer;
  #end: number;

  /** `expectedBytes`: about how long the reply will be, so that a large one does not have to be moved as it grows. */
  constructor(protocol: 2 | 3 = 2, expectedBytes: number = FIRST_BYTES) {
    this.protocol = protocol;
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, expectedBytes));
    this.#end = 0;
  }

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#end;
  }

  /** A status line. CR and LF in it become blanks, so that text cannot end the line early. */
  simple(text: string): this {
    return this.#line('+', flat(text));
  }

  /** An error line with its prefix, such as `ERR no such key`. CR and LF become blanks. */
  error(text: string): this {
    return this.#line('-', flat(text));
  }

  /** Throws a RangeError for a number that is not an integer. */
  integer(value: number | bigint): this {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw new RangeError(`value must be a safe integer or a bigint, not ${value}`);
    }
    return typeof value === 'number' ? this.#number(':', value) : this.#line(':', String(value));
  }

  bulk(value: string | Uint8Array): this {
    return this.#payload('$', '', value);
  }

  null(): this {
    return this.#line(this.protocol === 3 ? '_' : '$', this.protocol === 3 ? '' : '-1');
  }

  /** The null that Redis sends where an array is expected, as from an aborted EXEC. */
  nullArray(): this {
    return this.#line(this.protocol === 3 ? '_' : '*', this.protocol === 3 ? '' : '-1');
  }

  array(length: number): this {
    return this.#header('*', length);
  }

  map(pairs: number): this {
    return this.protocol === 3 ? this.#header('%', pairs) : this.#header('*', 2 * pairs);
  }

  set(length: number): this {
    return this.#header(this.protocol === 3 ? '~' : '*', length);
  }

  push(length: number): this {
    return this.#header(this.protocol === 3 ? '>' : '*', length);
  }

  double(value: number): this {
    const text = doubleText(value);
    return this.protocol === 3 ? this.#line(',', text) : this.bulk(text);
  }

  boolean(value: boolean): this {
    if (this.protocol === 3) return this.#line('#', value ? 't' : 'f');
    return this.#line(':', value ? '1' : '0');
  }

  /** The format has three characters, `txt` or `mkd`; throws a RangeError otherwise. */
  verbatim(format: string, text: string | Uint8Array): this {
    if (!/^[\x21-\x7e]{3}$/.test(format)) {
      throw new RangeError(`format must be three visible ASCII characters, not ${format}`);
    }
    return this.protocol === 3 ? this.#payload('=', `${format}:`, text) : this.bulk(text);
  }

  bignumber(value: bigint): this {
    return this.protocol === 3 ? this.#line('(', String(value)) : this.bulk(String(value));
  }

  /** Bytes that are encoded already. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
    return this;
  }

  /** Writes once more what stands at `[start, end)` of what was written since the last `take`. */
  again(start: number, end: number): this {
    if (start < 0 || end < start || end > this.#end) {
      throw new RangeError(`${start} to ${end}: not within the ${this.#end} bytes written`);
    }
    this.#reserve(end - start);
    this.#bytes.copyWithin(this.#end, start, end);
    this.#end += end - start;
    return this;
  }

  /** Hands over what was written and begins anew. The buffer belongs to the caller. */
  take(): Buffer {
    const written = this.#bytes.subarray(0, this.#end);
    this.#end = 0;
    if (written.length < GIVEN_AWAY_BYTES) return Buffer.from(written);
    this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    return written;
  }

  #header(type: string, length: number): this {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new RangeError(`length must be an integer from 0, not ${length}`);
    }
    return this.#number(type, length);
  }

  #payload(type: string, prefix: string, value: string | Uint8Array): this {
    const isText = typeof value === 'string';
    const length = isText ? Buffer.byteLength(value) : value.length;
    this.#number(type, prefix.length + length);
    this.#reserve(prefix.length + length + 2);
    if (prefix !== '') this.#end += this.#bytes.write(prefix, this.#end, 'latin1');
    if (isText) this.#bytes.write(value, this.#end);
    else this.#bytes.set(value, this.#end);
    this.#end += length;
    this.#endLine();
    return this;
  }

  /** Most numbers are small: their digits are written without a text in between. */
  #number(type: string, value: number): this {
    if (value < 0 || value >= SMALL_NUMBERS) {
      return this.#line(type, String(value));
    }
    this.#reserve(SMALL_NUMBER_BYTES);
    const bytes = this.#bytes;
    bytes[this.#end++] = type.charCodeAt(0);
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.trunc(rest / 10)) digits++;
    let rest = value;
    for (let at = this.#end + digits - 1; at >= this.#end; at--) {
      bytes[at] = ZERO + (rest % 10);
      rest = Math.trunc(rest / 10);
    }
    this.#end += digits;
    this.#endLine();
    return this;
  }

  #line(type: string, text: string): this {
    // No UTF-16 code unit takes more than three bytes of UTF-8.
    this.#reserve(text.length * 3 + 3);
    this.#bytes[this.#end++] = type.charCodeAt(0);
    this.#end += this.#bytes.write(text, this.#end);
    this.#endLine();
    return this;
  }

  #endLine(): void {
    this.#bytes[this.#end++] = 13;
    this.#bytes[this.#end++] = 10;
  }

  #reserve(extra: number): void {
    const needed = this.#end + extra;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
  }
}

function flat(text: string): string {
  return text.replace(/[\r\n]/g, ' ');
}

function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}
