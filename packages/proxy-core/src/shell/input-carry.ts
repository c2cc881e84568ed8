import { INCOMPLETE, type RequestScanner } from '@undermoon/resp';

const INITIAL_BYTES = 4096;
// Below this, scanning a frame anew costs less than keeping its progress.
const RESUME_BYTES_MIN = 65_536;
// What an incomplete command may keep of a buffer that was larger than it needs.
const KEPT_BYTES_MAX = 131_072;

/**
 * The bytes of a client's incomplete command, between two reads. Grows by doubling as bytes arrive, never
 * to a length that the client merely announced.
 */
export class InputCarry {
  bytes: Buffer;
  length = 0;
  /** Where the scanner stopped: see `RequestScanner`. */
  #neededBytes = 0;
  #argsLeft = -1;
  #resumeOffset = 0;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = Buffer.allocUnsafe(Math.max(INITIAL_BYTES, end - start));
    this.append(bytes, start, end);
  }

  append(from: Buffer, start: number, end: number): void {
    const total = this.length + end - start;
    if (total > this.bytes.length) {
      const wanted = Math.max(total, this.bytes.length * 2);
      // The announced size bounds the doubling, so that a large value ends in a buffer of its own size.
      const size = this.#neededBytes >= total ? Math.min(wanted, this.#neededBytes) : wanted;
      const grown = Buffer.allocUnsafeSlow(Math.max(size, total));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    from.copy(this.bytes, this.length, start, end);
    this.length = total;
  }

  /** Remembers how far a scan of the bytes came that ended INCOMPLETE. */
  note(scanner: RequestScanner): void {
    this.#neededBytes = scanner.neededBytes;
    this.#argsLeft = scanner.argsLeft;
    this.#resumeOffset = scanner.resumeOffset;
  }

  /** False while the frame at the start is surely incomplete. The work is linear in the frame's length. */
  isWorthScanning(scanner: RequestScanner): boolean {
    if (this.length < this.#neededBytes) return false;
    if (this.length < RESUME_BYTES_MIN || this.#argsLeft < 0) return true;
    const end = scanner.resume(this.bytes, 0, this.length, this.#argsLeft, this.#resumeOffset);
    if (end !== INCOMPLETE) return true;
    this.note(scanner);
    return false;
  }

  /** Drops the first `count` bytes and what was known of the frame there. */
  consume(count: number): void {
    const left = this.length - count;
    if (this.bytes.length > KEPT_BYTES_MAX && left < this.bytes.length / 4) {
      const smaller = Buffer.allocUnsafeSlow(Math.max(INITIAL_BYTES, left));
      this.bytes.copy(smaller, 0, count, this.length);
      this.bytes = smaller;
    } else this.bytes.copyWithin(0, count, this.length);
    this.length = left;
    this.#neededBytes = 0;
    this.#argsLeft = -1;
    this.#resumeOffset = 0;
  }
}
