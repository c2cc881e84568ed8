import { LENGTH_GROWS_MAX } from './length-line.ts';
import { LENGTH_CEILING, PASS_THROUGH_LIMITS, resolveLimits } from './limits.ts';
import type { RespLimits } from './limits.ts';
import {
  ATTRIBUTE,
  COLON,
  CR,
  hasNullForm,
  isAggregate,
  KINDS,
  LF,
  MAP,
  NUMBER_ENDS,
  NUMBER_LINE,
  NUMBER_STARTS,
  NUMBER_STEPS,
  numberBytesMax,
  TEXT_LINE,
  UNKNOWN,
  VERBATIM,
  VERBATIM_PREFIX,
} from './reply-grammar.ts';
import { scanReply } from './reply-scanner.ts';
import { MALFORMED } from './scan-result.ts';

/*
 * Where the next byte stands:
 *
 *   TYPE          -> TEXT | NUMBER | LENGTH_FIRST
 *   TEXT          -> TEXT | VALUE_LF (at CR)
 *   NUMBER        -> NUMBER | VALUE_LF (at CR)
 *   LENGTH_FIRST  -> LENGTH | NULL_ONE (at "-")
 *   LENGTH        -> LENGTH | LENGTH_LF (at CR)
 *   NULL_ONE      -> NULL_CR -> VALUE_LF
 *   LENGTH_LF     -> PREFIX (verbatim) | PAYLOAD | VALUE_CR (empty bulk) | TYPE (aggregate)
 *   PREFIX        -> PREFIX | PAYLOAD | VALUE_CR
 *   PAYLOAD       -> PAYLOAD | VALUE_CR
 *   VALUE_CR      -> VALUE_LF
 *   VALUE_LF      -> TYPE
 *
 * The reply is over when VALUE_LF, or LENGTH_LF of an empty aggregate, leaves no element owed.
 */
const TYPE = 0;
const TEXT = 1;
const NUMBER = 2;
const LENGTH_FIRST = 3;
const LENGTH = 4;
const NULL_ONE = 5;
const NULL_CR = 6;
const LENGTH_LF = 7;
const PREFIX = 8;
const PAYLOAD = 9;
const VALUE_CR = 10;
const VALUE_LF = 11;
const BROKEN = 12;

/**
 * Follows one reply after another through any split of their bytes, without keeping them: for
 * replies that are passed on as they come. Memory use is the same for every reply; of the limits,
 * `bulkBytesMax` and `arrayLengthMax` apply, and both default to just under 2^31, because a server
 * may answer with more than one would accept in a request.
 */
export class ReplyStream {
  /** True between the first and the last byte of a reply. */
  isActive: boolean;
  #phase: number;
  /** Elements still to come before the reply is whole, the one being read included. */
  #owed: number;
  #type: number;
  #kind: number;
  /** The length being read, then the payload bytes still to come. */
  #left: number;
  #numberState: number;
  /** Bytes so far of the number line or of the verbatim format. */
  #counted: number;
  readonly #bulkBytesMax: number;
  readonly #arrayLengthMax: number;

  constructor(limits?: Partial<RespLimits>) {
    const resolved = resolveLimits(limits, PASS_THROUGH_LIMITS);
    this.isActive = false;
    this.#phase = TYPE;
    this.#owed = 0;
    this.#type = 0;
    this.#kind = 0;
    this.#left = 0;
    this.#numberState = 0;
    this.#counted = 0;
    this.#bulkBytesMax = resolved.bulkBytesMax;
    this.#arrayLengthMax = resolved.arrayLengthMax;
  }

  /**
   * Consumes bytes of the current reply, or of a new one when none is active. Returns the offset
   * after the last byte that belongs to it; `isActive` tells whether it goes on, in which case that
   * offset is `end`. After MALFORMED the stream stays MALFORMED.
   */
  feed(buf: Uint8Array, pos: number, end: number): number {
    let q = pos;
    while (q < end) {
      if (this.#phase === TYPE) {
        q = this.#begin(buf, q, end);
      } else if (this.#phase === PAYLOAD) {
        q = this.#skipPayload(q, end);
      } else if (this.#phase === TEXT) {
        q = this.#skipText(buf, q, end);
      } else {
        q = this.#step(buf[q]!) ? q + 1 : MALFORMED;
      }
      if (q < 0) return this.#break();
      if (!this.isActive) return q;
    }
    return end;
  }

  #begin(buf: Uint8Array, at: number, end: number): number {
    const type = buf[at]!;
    const kind = KINDS[type]!;
    if (kind === UNKNOWN) return MALFORMED;
    if (!this.isActive) {
      this.isActive = true;
      this.#owed = 1;
    }
    // An element that is here whole needs no steps. Aggregates take them always: their elements
    // could be cut, and then would be read once for every level.
    if (!isAggregate(kind) && end - at <= this.#bulkBytesMax) {
      const next = scanReply(buf, at, end);
      if (next === MALFORMED) return MALFORMED;
      if (next > at) {
        this.#settle(1);
        return next;
      }
    }
    this.#type = type;
    this.#kind = kind;
    this.#left = 0;
    this.#numberState = NUMBER_STARTS[type]!;
    this.#counted = 0;
    this.#phase = kind === TEXT_LINE ? TEXT : kind === NUMBER_LINE ? NUMBER : LENGTH_FIRST;
    return at + 1;
  }

  #skipPayload(q: number, end: number): number {
    const taken = Math.min(this.#left, end - q);
    this.#left -= taken;
    if (this.#left === 0) this.#phase = VALUE_CR;
    return q + taken;
  }

  #skipText(buf: Uint8Array, from: number, end: number): number {
    for (let q = from; q < end; q++) {
      const c = buf[q]!;
      if (c === LF) return MALFORMED;
      if (c === CR) {
        this.#phase = VALUE_LF;
        return q + 1;
      }
    }
    return end;
  }

  /** Takes one byte in the phases that are short; false when it cannot stand there. */
  #step(c: number): boolean {
    switch (this.#phase) {
      case NUMBER:
        return this.#stepNumber(c);
      case LENGTH_FIRST:
        if (c === 45 && hasNullForm(this.#type)) return this.#enter(NULL_ONE);
        return c !== CR && this.#stepLength(c) && this.#enter(LENGTH);
      case LENGTH:
        return c === CR ? this.#enter(LENGTH_LF) : this.#left !== 0 && this.#stepLength(c);
      case NULL_ONE:
        return c === 49 && this.#enter(NULL_CR);
      case LENGTH_LF:
        return c === LF && this.#useLength();
      case PREFIX:
        return this.#stepPrefix(c);
      case NULL_CR:
      case VALUE_CR:
        return c === CR && this.#enter(VALUE_LF);
      case VALUE_LF:
        return c === LF && this.#settle(1);
      default:
        return false;
    }
  }

  #enter(phase: number): boolean {
    this.#phase = phase;
    return true;
  }

  #stepNumber(c: number): boolean {
    if (c === CR) return NUMBER_ENDS[this.#numberState] === 1 && this.#enter(VALUE_LF);
    this.#numberState = NUMBER_STEPS[(this.#numberState << 8) | c]!;
    return this.#numberState !== 0 && ++this.#counted <= numberBytesMax(this.#type);
  }

  #stepLength(c: number): boolean {
    const digit = c - 48;
    if (digit < 0 || digit > 9 || this.#left > LENGTH_GROWS_MAX) return false;
    this.#left = this.#left * 10 + digit;
    return true;
  }

  /** The header line is whole: goes on to the payload, or to the elements of the aggregate. */
  #useLength(): boolean {
    const length = this.#left;
    if (isAggregate(this.#kind)) {
      const elements = this.#kind === MAP || this.#kind === ATTRIBUTE ? 2 * length : length;
      if (elements > this.#arrayLengthMax) return false;
      this.#owed += elements;
      // An attribute is no element itself: the value it describes is still owed.
      this.#settle(this.#kind === ATTRIBUTE ? 0 : 1);
      return this.#owed <= LENGTH_CEILING;
    }
    if (length > this.#bulkBytesMax) return false;
    if (this.#kind === VERBATIM) return length >= VERBATIM_PREFIX && this.#enter(PREFIX);
    return this.#enter(length === 0 ? VALUE_CR : PAYLOAD);
  }

  #stepPrefix(c: number): boolean {
    const length = this.#left;
    this.#left = length - 1;
    this.#counted++;
    if (this.#counted < VERBATIM_PREFIX) return true;
    return c === COLON && this.#enter(this.#left === 0 ? VALUE_CR : PAYLOAD);
  }

  #settle(elements: number): boolean {
    this.#owed -= elements;
    this.#phase = TYPE;
    if (this.#owed === 0) this.isActive = false;
    return true;
  }

  #break(): number {
    this.#phase = BROKEN;
    this.isActive = true;
    return MALFORMED;
  }
}
