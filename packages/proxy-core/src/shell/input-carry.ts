const INITIAL_BYTES = 4096;

/**
 * The bytes of a client's incomplete command, between two reads. Grows by doubling as bytes arrive, never
 * to a length that the client merely announced.
 */
export class InputCarry {
  bytes: Buffer;
  length = 0;
  /** Bytes below which looking again is pointless. */
  neededBytes = 0;
  /** Where the scanner stopped: see `RequestScanner`. */
  argsLeft = -1;
  resumeOffset = 0;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = Buffer.allocUnsafe(Math.max(INITIAL_BYTES, end - start));
    this.append(bytes, start, end);
  }

  append(from: Buffer, start: number, end: number): void {
    const total = this.length + end - start;
    if (total > this.bytes.length) {
      const wanted = Math.max(total, this.bytes.length * 2);
      // The announced size bounds the doubling, so that a large value ends in a buffer of its own size.
      const size = this.neededBytes >= total ? Math.min(wanted, this.neededBytes) : wanted;
      const grown = Buffer.allocUnsafeSlow(Math.max(size, total));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    from.copy(this.bytes, this.length, start, end);
    this.length = total;
  }

  /** Drops the first `count` bytes and what was known of the frame there. */
  consume(count: number): void {
    this.bytes.copyWithin(0, count, this.length);
    this.length -= count;
    this.neededBytes = 0;
    this.argsLeft = -1;
    this.resumeOffset = 0;
  }
}
