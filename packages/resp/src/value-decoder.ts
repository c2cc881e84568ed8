import { byteAt } from './byte-at.ts';
import { RespProtocolError } from './errors.ts';
import type { RespErrorCode } from './errors.ts';
import { InputBuffer } from './input-buffer.ts';
import { decodeLeaf, isNull } from './leaf-decoder.ts';
import { lengthLineBytes, readLength } from './length-line.ts';
import { DEFAULT_RESP_LIMITS, resolveLimits } from './limits.ts';
import type { RespLimits } from './limits.ts';
import {
  ATTRIBUTE,
  isAggregate,
  kindOf,
  LF,
  MAP,
  NUMBER_LINE,
  TEXT_LINE,
  UNKNOWN,
} from './reply-grammar.ts';
import { scanReply } from './reply-scanner.ts';
import type { RespPairs, RespValue } from './resp-value.ts';
import { INCOMPLETE, MALFORMED } from './scan-result.ts';

/** Room for a header line, or for the longest number line, beside a bulk of the longest length. */
const LINE_SLACK_BYTES = 16 * 1024;

/** An aggregate whose elements are still coming. */
interface OpenAggregate {
  readonly type: number;
  readonly items: RespValue[];
  /** Elements to come; keys and values count each. */
  left: number;
  /** Attributes that stood in front of it. */
  readonly attributes: RespPairs | null;
}

/**
 * Decodes replies to values, from chunks cut anywhere. Aggregates are kept on an explicit stack,
 * so an incomplete reply is not read again from its start; `arrayLengthMax` counts all elements of
 * one reply together. Nothing is sized from an announced length.
 */
export class ValueDecoder {
  readonly #limits: RespLimits;
  #input: InputBuffer;
  readonly #stack: OpenAggregate[];
  /** Attributes for the value that comes next. */
  #attributes: RespPairs | null;
  /** Elements that the headers of this reply announced. */
  #elements: number;
  /** Bytes of the text line at the start of the input that hold no line end. */
  #searched: number;
  #failure: RespProtocolError | null;

  constructor(limits?: Partial<RespLimits>) {
    this.#limits = resolveLimits(limits, DEFAULT_RESP_LIMITS);
    this.#input = new InputBuffer();
    this.#stack = [];
    this.#attributes = null;
    this.#elements = 0;
    this.#searched = 0;
    this.#failure = null;
  }

  /**
   * Takes a copy of the bytes. Call `next` until it returns undefined before pushing more: unread
   * input beyond the longest possible bulk fails with INPUT_NOT_DRAINED.
   */
  push(bytes: Uint8Array): void {
    if (this.#failure !== null) throw this.#failure;
    const unread = this.#input.end - this.#input.start;
    if (unread > this.#limits.bulkBytesMax + LINE_SLACK_BYTES) {
      this.#fail('INPUT_NOT_DRAINED', 'call next() until it returns undefined before push()');
    }
    this.#input.append(bytes);
  }

  /**
   * The next whole reply, or undefined when more bytes are needed. Throws RespProtocolError when
   * the bytes break the protocol or a limit, and the same one at every later call.
   */
  next(): RespValue | undefined {
    if (this.#failure !== null) throw this.#failure;
    const input = this.#input;
    while (input.start < input.end) {
      const kind = kindOf(byteAt(input.bytes, input.start));
      const value = isAggregate(kind) ? this.#open(kind) : this.#readLeaf(kind);
      if (value === undefined) return undefined;
      const reply = value === null ? undefined : this.#settle(value);
      if (reply !== undefined) return reply;
    }
    return undefined;
  }

  /** The value when it is empty or null, null when its elements follow, undefined when cut off. */
  #open(kind: number): RespValue | null | undefined {
    const { bytes, start, end } = this.#input;
    if (end - start > 1 && isNull(bytes, start)) return this.#readLeaf(kind);
    const length = readLength(bytes, start + 1, end);
    if (length === INCOMPLETE) return undefined;
    if (length === MALFORMED) return this.#refuse(kind);
    const left = kind === MAP || kind === ATTRIBUTE ? 2 * length : length;
    this.#elements += left;
    const { arrayLengthMax, nestingDepthMax } = this.#limits;
    if (this.#elements > arrayLengthMax) {
      this.#fail(
        'TOO_MANY_ELEMENTS',
        `reply has more elements than arrayLengthMax ${arrayLengthMax}`,
      );
    }
    if (this.#stack.length >= nestingDepthMax) {
      this.#fail('TOO_DEEP', `reply is nested deeper than nestingDepthMax ${nestingDepthMax}`);
    }
    const opened = {
      type: byteAt(bytes, start),
      items: [],
      left,
      attributes: this.#takeAttributes(),
    };
    this.#input.consume(start + 1 + lengthLineBytes(length));
    if (left === 0) return this.#close(opened);
    this.#stack.push(opened);
    return null;
  }

  #readLeaf(kind: number): RespValue | undefined {
    const { bytes, start, end } = this.#input;
    if (kind === TEXT_LINE) {
      if (!this.#hasLine()) return undefined;
    } else if (
      kind > NUMBER_LINE &&
      readLength(bytes, start + 1, end) > this.#limits.bulkBytesMax
    ) {
      this.#fail('BULK_TOO_LONG', `bulk is longer than bulkBytesMax ${this.#limits.bulkBytesMax}`);
    }
    const next = scanReply(bytes, start, end);
    if (next === INCOMPLETE) return undefined;
    if (next === MALFORMED) return this.#refuse(kind);
    const value = withAttributes(decodeLeaf(bytes, start, next), this.#takeAttributes());
    this.#input.consume(next);
    this.#searched = 0;
    return value;
  }

  /** Whether the text line at the start is whole; each byte of it is searched once. */
  #hasLine(): boolean {
    const { bytes, start, end } = this.#input;
    const found = bytes.subarray(0, end).indexOf(LF, start + this.#searched);
    this.#searched = (found < 0 ? end : found) - start;
    // The line holds a type byte before its content, and perhaps a CR after it.
    if (this.#searched > this.#limits.bulkBytesMax + 2) {
      this.#fail('LINE_TOO_LONG', `line is longer than bulkBytesMax ${this.#limits.bulkBytesMax}`);
    }
    return found >= 0;
  }

  /** Gives a complete value to the aggregate it belongs to; returns the reply that this completes. */
  #settle(value: RespValue): RespValue | undefined {
    let complete: RespValue | null = value;
    while (complete !== null) {
      const parent = this.#stack.at(-1);
      if (parent === undefined) {
        this.#elements = 0;
        return complete;
      }
      parent.items.push(complete);
      parent.left--;
      if (parent.left > 0) return undefined;
      this.#stack.pop();
      complete = this.#close(parent);
    }
    return undefined;
  }

  /** The value of a whole aggregate; null for attributes, which wait for the value they describe. */
  #close(aggregate: OpenAggregate): RespValue | null {
    const { type, items, attributes } = aggregate;
    if (kindOf(type) === ATTRIBUTE) {
      const all = [...(attributes ?? []), ...pairsOf(items)];
      this.#attributes = all.length === 0 ? null : all;
      return null;
    }
    return withAttributes(aggregateOf(type, items), attributes);
  }

  #takeAttributes(): RespPairs | null {
    const attributes = this.#attributes;
    this.#attributes = null;
    return attributes;
  }

  #refuse(kind: number): never {
    const { bytes, start, end } = this.#input;
    const type = `type byte 0x${byteAt(bytes, start).toString(16).padStart(2, '0')}`;
    if (kind === UNKNOWN) this.#fail('UNKNOWN_TYPE', `reply has unknown ${type}`);
    if (kind === TEXT_LINE) this.#fail('INVALID_LINE', `line of ${type} has a bare CR or LF`);
    if (kind === NUMBER_LINE) this.#fail('INVALID_NUMBER', `line of ${type} has a wrong content`);
    if (readLength(bytes, start + 1, end) === MALFORMED) {
      this.#fail('INVALID_LENGTH', `header of ${type} has no valid length`);
    }
    this.#fail('INVALID_BULK', `bulk of ${type} is not as long as announced, or has no format`);
  }

  #fail(code: RespErrorCode, message: string): never {
    this.#failure = new RespProtocolError(code, message);
    this.#input = new InputBuffer();
    this.#stack.length = 0;
    throw this.#failure;
  }
}

function aggregateOf(type: number, items: RespValue[]): RespValue {
  if (type === 37) return { type: 'map', entries: pairsOf(items) };
  return { type: type === 126 ? 'set' : type === 62 ? 'push' : 'array', items };
}

function pairsOf(items: readonly RespValue[]): RespPairs {
  const pairs: [RespValue, RespValue][] = [];
  let key: RespValue | null = null;
  for (const item of items) {
    if (key !== null) pairs.push([key, item]);
    key = key === null ? item : null;
  }
  return pairs;
}

function withAttributes(value: RespValue, attributes: RespPairs | null): RespValue {
  return attributes === null ? value : { ...value, attributes };
}
