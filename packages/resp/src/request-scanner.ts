import { isBlank } from './inline.ts';
import { LENGTH_GROWS_MAX, lengthLineBytes, readLength } from './length-line.ts';
import { DEFAULT_RESP_LIMITS, resolveLimits } from './limits.ts';
import type { RespLimits } from './limits.ts';
import { CR, LF } from './reply-grammar.ts';
import { INCOMPLETE, MALFORMED } from './scan-result.ts';

const ASTERISK = 42;
const DOLLAR = 36;
const MINUS = 45;
const NINE = 9;

const INVALID_COUNT = 'invalid multibulk length';

/** Error text, without `-ERR `, for an inline command that `splitInline` refused. */
export const UNBALANCED_QUOTES_TEXT = 'Protocol error: unbalanced quotes in request';

/** Shortest argument, `$0\r\n\r\n`, and shortest header line, `*0\r\n`. */
const ARGUMENT_BYTES_MIN = 6;
const HEADER_BYTES_MIN = 4;

/** Offsets are kept as 32-bit integers. */
const BUFFER_BYTES_MAX = 2 ** 31 - 1;
const ARGUMENTS_AT_START = 64;

/**
 * Finds request frames in a buffer: where each ends and where its arguments are. It keeps no bytes,
 * and all fields are about the last scan only, so one scanner serves all connections of an event
 * loop. It accepts no frame that Redis would refuse, so accepted frames can share a connection.
 *
 * ```text
 *   *2\r\n $3\r\n GET \r\n $3\r\n key \r\n
 *                 ^  ^            ^  ^
 *      argStart[0]┘  │ argStart[1]┘  └argEnd[1]
 *           argEnd[0]┘
 * ```
 */
export class RequestScanner {
  /** Arguments of the last complete multibulk frame; 0 for inline frames and frames to be ignored. */
  argc: number;
  /** Offsets of the first byte of each argument. Replaced when it grows: read it after each scan. */
  argStart: Int32Array;
  /** Offsets after the last byte of each argument. Replaced when it grows: read it after each scan. */
  argEnd: Int32Array;
  /** The frame is an inline command with at least one word; `splitInline` gives its words. */
  isInline: boolean;
  /** After MALFORMED: the text of Redis' error reply, without `-ERR `. */
  errorText: string;
  /** After INCOMPLETE: arguments not yet complete; -1 when the header line is not, or inline. */
  argsLeft: number;
  /** After INCOMPLETE: offset from the frame's start at which `resume` goes on. */
  resumeOffset: number;
  /** After INCOMPLETE: the frame has at least so many bytes; with fewer, scanning is in vain. */
  neededBytes: number;

  readonly #bulkBytesMax: number;
  readonly #arrayLengthMax: number;
  readonly #lineBytesMax: number;

  /** Uses the limits of Redis where none are given. Throws a RangeError on a senseless limit. */
  constructor(limits?: Partial<RespLimits>) {
    const resolved = resolveLimits(limits, DEFAULT_RESP_LIMITS);
    this.argc = 0;
    this.argStart = new Int32Array(ARGUMENTS_AT_START);
    this.argEnd = new Int32Array(ARGUMENTS_AT_START);
    this.isInline = false;
    this.errorText = '';
    this.argsLeft = 0;
    this.resumeOffset = 0;
    this.neededBytes = 0;
    this.#bulkBytesMax = resolved.bulkBytesMax;
    this.#arrayLengthMax = resolved.arrayLengthMax;
    this.#lineBytesMax = resolved.inlineBytesMax;
  }

  /**
   * Reads the frame that begins at `pos`: its end offset, INCOMPLETE or MALFORMED. A frame with
   * `argc` 0 that is not inline (`*0`, a negative count, a blank line) is to be ignored, as Redis
   * does. Bytes from `end` on are not looked at. The buffer may be up to 2 GiB long.
   */
  scan(buf: Uint8Array, pos: number, end: number): number {
    if (end > BUFFER_BYTES_MAX) throw new RangeError('end must be below 2 GiB');
    this.argc = 0;
    this.isInline = false;
    if (pos + HEADER_BYTES_MIN <= end && buf[pos] === ASTERISK && buf[pos + 2] === CR) {
      const count = buf[pos + 1]! - 48;
      const isPlain = count > 0 && count <= NINE && count <= this.#arrayLengthMax;
      if (isPlain && buf[pos + 3] === LF) {
        return this.#scanArguments(buf, pos, pos + HEADER_BYTES_MIN, end, count);
      }
    }
    return this.#scanFrame(buf, pos, end, 0);
  }

  /**
   * Goes on with a frame that was INCOMPLETE, whose bytes are now at `frameStart`; `argsLeft` and
   * `resumeOffset` are those of the scan that said so. Returns as `scan` does but fills no
   * arguments: scan the frame once more when it is complete. However the frame is cut, the work
   * is linear in its length.
   */
  resume(
    buf: Uint8Array,
    frameStart: number,
    end: number,
    argsLeft: number,
    resumeOffset: number,
  ): number {
    this.argc = 0;
    this.isInline = false;
    const frameEnd =
      argsLeft < 0
        ? this.#scanFrame(buf, frameStart, end, resumeOffset)
        : this.#scanArguments(buf, frameStart, frameStart + resumeOffset, end, argsLeft);
    this.argc = 0;
    return frameEnd;
  }

  /**
   * Reads the last `count` arguments of a frame whose part before `pos` is known to be right: the frame's end,
   * or a negative number, and `scan` of the whole frame tells what is the matter. They fill the first places of
   * `argStart` and `argEnd`, and `argc` is their number.
   */
  scanRest(buf: Uint8Array, pos: number, end: number, count: number): number {
    this.isInline = false;
    return this.#scanArguments(buf, pos, pos, end, count);
  }

  /** The hot loop. Whatever is not plainly right leaves it for `#stopAtArgument`. */
  #scanArguments(
    buf: Uint8Array,
    frameStart: number,
    from: number,
    end: number,
    count: number,
  ): number {
    const bulkBytesMax = this.#bulkBytesMax;
    let starts = this.argStart;
    let ends = this.argEnd;
    let at = from;
    let i = 0;
    while (at + ARGUMENT_BYTES_MIN <= end && buf[at] === DOLLAR) {
      let length = buf[at + 1]! - 48;
      let c = buf[at + 2]!;
      let q = at + 3;
      if (length < 0 || length > NINE) break;
      while (c >= 48 && c <= 57 && length > 0 && length <= LENGTH_GROWS_MAX && q < end) {
        length = length * 10 + c - 48;
        c = buf[q++]!;
      }
      const stop = q + 1 + length;
      if (c !== CR || length > bulkBytesMax || stop + 2 > end) break;
      if (buf[q] !== LF || buf[stop] !== CR || buf[stop + 1] !== LF) break;
      if (i === starts.length) {
        this.#grow();
        starts = this.argStart;
        ends = this.argEnd;
      }
      starts[i] = q + 1;
      ends[i] = stop;
      at = stop + 2;
      if (++i === count) {
        this.argc = count;
        return at;
      }
    }
    return this.#stopAtArgument(buf, frameStart, at, end, count - i);
  }

  /** Any frame from its first byte; of an inline one the first `searched` bytes hold no line end. */
  #scanFrame(buf: Uint8Array, pos: number, end: number, searched: number): number {
    if (pos >= end) return this.#wait(-1, 0, 1);
    if (buf[pos] !== ASTERISK) return this.#scanInline(buf, pos, end, searched);
    const isNegative = pos + 1 < end && buf[pos + 1] === MINUS;
    const digits = isNegative ? pos + 2 : pos + 1;
    const count = readLength(buf, digits, end);
    if (count === INCOMPLETE) {
      // Not the length of the shortest right header: a wrong one may be shorter, and is answered at once.
      return this.#wait(-1, 0, end - pos + 1);
    }
    if (count === MALFORMED || (isNegative ? count === 0 : count > this.#arrayLengthMax)) {
      return this.#refuseLine(buf, pos, end, INVALID_COUNT);
    }
    const at = digits + lengthLineBytes(count);
    return isNegative || count === 0 ? at : this.#scanArguments(buf, pos, at, end, count);
  }

  #scanInline(buf: Uint8Array, pos: number, end: number, searched: number): number {
    const lineEndMax = pos + this.#lineBytesMax;
    const searchEnd = Math.min(end, lineEndMax + 1);
    let q = pos + searched;
    while (q < searchEnd && buf[q] !== LF) q++;
    if (q === searchEnd) {
      if (end > lineEndMax) return this.#refuse('too big inline request');
      return this.#wait(-1, end - pos, end - pos + 1);
    }
    let first = pos;
    while (first < q && isBlank(buf[first]!)) first++;
    this.isInline = first < q;
    return q + 1;
  }

  /** Finds out what is the matter with the argument at `at`: not here yet, or wrong. */
  #stopAtArgument(
    buf: Uint8Array,
    frameStart: number,
    at: number,
    end: number,
    argsLeft: number,
  ): number {
    const offset = at - frameStart;
    if (at >= end) return this.#wait(argsLeft, offset, end - frameStart + 1);
    if (buf[at] !== DOLLAR) {
      return this.#refuseLine(buf, at, end, `expected '$', got '${printable(buf[at]!)}'`);
    }
    const length = readLength(buf, at + 1, end);
    if (length === INCOMPLETE) {
      return this.#wait(argsLeft, offset, end - frameStart + 1);
    }
    if (length === MALFORMED || length > this.#bulkBytesMax) {
      return this.#refuseLine(buf, at, end, 'invalid bulk length');
    }
    const stop = at + 1 + lengthLineBytes(length) + length;
    if ((stop < end && buf[stop] !== CR) || (stop + 1 < end && buf[stop + 1] !== LF)) {
      return this.#refuse('invalid bulk length');
    }
    return this.#wait(argsLeft, offset, stop + 2 - frameStart);
  }

  #wait(argsLeft: number, resumeOffset: number, neededBytes: number): number {
    this.argsLeft = argsLeft;
    this.resumeOffset = resumeOffset;
    this.neededBytes = neededBytes;
    return INCOMPLETE;
  }

  /** Redis looks at a header line only when it is whole, so an overlong one has an error of its own. */
  #refuseLine(buf: Uint8Array, lineStart: number, end: number, reason: string): number {
    const lineEndMax = lineStart + this.#lineBytesMax;
    const lineEnd = buf.indexOf(CR, lineStart);
    if (end <= lineEndMax || (lineEnd >= 0 && lineEnd <= lineEndMax)) return this.#refuse(reason);
    const isCount = buf[lineStart] === ASTERISK && reason === INVALID_COUNT;
    return this.#refuse(isCount ? 'too big mbulk count string' : 'too big bulk count string');
  }

  #refuse(reason: string): number {
    this.errorText = `Protocol error: ${reason}`;
    return MALFORMED;
  }

  #grow(): void {
    const size = this.argStart.length * 2;
    const starts = new Int32Array(size);
    const ends = new Int32Array(size);
    starts.set(this.argStart);
    ends.set(this.argEnd);
    this.argStart = starts;
    this.argEnd = ends;
  }
}

/** Redis prints the byte itself, with blanks for line ends; other control bytes would garble a log. */
function printable(byte: number): string {
  if (byte === CR || byte === LF) return ' ';
  return byte >= 32 && byte <= 126 ? String.fromCharCode(byte) : '?';
}
