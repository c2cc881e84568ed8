/** Capacity that is kept when nothing is unread. */
const KEPT_BYTES = 64 * 1024;
const FIRST_BYTES = 4096;

/**
 * Unread bytes of a connection in one buffer. It grows by doubling as bytes really arrive, moves
 * the unread bytes to its front only when that costs no more than what was read before, and lets
 * a large buffer go as soon as it is read to the end.
 *
 * ```text
 *   bytes  [ read ........ | unread ........ | free ....... ]
 *                          ^start            ^end
 * ```
 */
export class InputBuffer {
  bytes: Buffer;
  start: number;
  end: number;

  constructor() {
    this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.start = 0;
    this.end = 0;
  }

  /** Copies the chunk behind the unread bytes. */
  append(chunk: Uint8Array): void {
    if (this.end + chunk.length > this.bytes.length) this.#makeRoom(chunk.length);
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Marks everything before `offset` as read. */
  consume(offset: number): void {
    this.start = offset;
    if (this.start < this.end) return;
    this.start = 0;
    this.end = 0;
    if (this.bytes.length > KEPT_BYTES) this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  #makeRoom(extra: number): void {
    const unread = this.end - this.start;
    const needed = unread + extra;
    const isSparse = this.start >= unread;
    let target = this.bytes;
    if (!isSparse || needed > target.length) {
      target = Buffer.allocUnsafeSlow(Math.max(needed, 2 * unread, FIRST_BYTES));
    } else if (target.length > KEPT_BYTES && needed < target.length / 4) {
      target = Buffer.allocUnsafeSlow(Math.max(2 * needed, FIRST_BYTES));
    }
    this.bytes.copy(target, 0, this.start, this.end);
    this.bytes = target;
    this.start = 0;
    this.end = unread;
  }
}
