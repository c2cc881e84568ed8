import { Buffer } from 'node:buffer';
import { MALFORMED, ReplyStream, scanReply } from '@undermoon/resp';

const CARRY_BYTES = 4096;

/** Takes the frames. */
export interface FrameTaker {
  /** A whole frame, `bytes[start, end)`, which is only valid during the call. */
  take(bytes: Buffer, start: number, end: number): void;
  /** One was longer than the limit. */
  dropped(): void;
}

/** Splits what a server sends into frames. Of one that came in pieces no more than a limit is kept. */
export class FrameSplitter {
  readonly #bytesMax: number;
  readonly #taker: FrameTaker;
  readonly #stream = new ReplyStream();
  #carry: Buffer | null = null;
  #length = 0;

  constructor(bytesMax: number, taker: FrameTaker) {
    this.#bytesMax = bytesMax;
    this.#taker = taker;
  }

  /** Takes `buffer[0, length)`. False: that is not RESP. */
  push(buffer: Buffer, length: number): boolean {
    let pos = 0;
    if (this.#stream.isActive) {
      pos = this.#stream.feed(buffer, 0, length);
      if (pos === MALFORMED) return false;
      this.#keep(buffer, 0, pos);
      if (this.#stream.isActive) return true;
      this.#passCarry();
    }
    while (pos < length) {
      const end = scanReply(buffer, pos, length);
      if (end === MALFORMED) return false;
      if (end < 0) {
        this.#keep(buffer, pos, length);
        return this.#stream.feed(buffer, pos, length) !== MALFORMED;
      }
      this.#taker.take(buffer, pos, end);
      pos = end;
    }
    return true;
  }

  #passCarry(): void {
    const carry = this.#carry;
    const length = this.#length;
    this.#carry = null;
    this.#length = 0;
    if (carry !== null && length <= this.#bytesMax) this.#taker.take(carry, 0, length);
    else this.#taker.dropped();
  }

  #keep(from: Buffer, start: number, end: number): void {
    const total = this.#length + end - start;
    if (total > this.#bytesMax) this.#carry = null;
    else {
      let carry = this.#carry;
      if (carry === null || total > carry.length) {
        const grown = Buffer.allocUnsafe(Math.max(CARRY_BYTES, total, 2 * (carry?.length ?? 0)));
        carry?.copy(grown, 0, 0, this.#length);
        carry = grown;
      }
      from.copy(carry, this.#length, start, end);
      this.#carry = carry;
    }
    this.#length = total;
  }
}
