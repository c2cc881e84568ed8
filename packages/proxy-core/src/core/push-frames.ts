import { Buffer } from 'node:buffer';
import { MALFORMED, ReplyStream } from '@undermoon/resp';

/** The first byte of a push. */
export const PUSH_MARKER = 0x3e;

/** Puts together what a server pushes between its replies. */
export class PushFrames {
  #stream = new ReplyStream();
  #parts: Buffer[] = [];
  #bytes = 0;
  readonly #bytesMax: number;
  readonly #onFrame: (frame: Buffer) => void;

  /** `onFrame` gets each whole frame as a copy. */
  constructor(bytesMax: number, onFrame: (frame: Buffer) => void) {
    this.#bytesMax = bytesMax;
    this.#onFrame = onFrame;
  }

  /** A part of a frame is here, the rest is still to come. */
  get isActive(): boolean {
    return this.#stream.isActive;
  }

  /** Forgets what is here of a frame whose rest will not come. */
  reset(): void {
    this.#stream = new ReplyStream();
    this.#parts = [];
    this.#bytes = 0;
  }

  /** Takes bytes of one frame. The offset behind them; MALFORMED also for a frame that is larger than allowed. */
  feed(buffer: Buffer, start: number, end: number): number {
    const next = this.#stream.feed(buffer, start, end);
    if (next === MALFORMED) return MALFORMED;
    this.#bytes += next - start;
    if (this.#bytes > this.#bytesMax) return MALFORMED;
    this.#parts.push(Buffer.from(buffer.subarray(start, next)));
    if (this.#stream.isActive) return next;
    const [only = Buffer.alloc(0), ...others] = this.#parts;
    this.#parts = [];
    this.#bytes = 0;
    this.#onFrame(others.length === 0 ? only : Buffer.concat([only, ...others]));
    return next;
  }
}
