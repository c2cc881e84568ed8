import type { CommandPiece, Remains } from '../core/lost-commands.ts';
import type { Arena, Slab } from './slab.ts';

const INITIAL_CAPACITY = 16;
/** From so many pieces on, small ones are put together: each slab has 64 KiB, however little is in it. */
const LOOSE_PIECES_MAX = 4;

/**
 * What was written over one connection and is not answered yet, oldest first, up to a number of bytes. Slabs stay
 * where they are instead of going back to the arena, so nothing is copied on the usual way.
 *
 * ```text
 *     head
 *      v
 *   [ slab ·· #17 | slab ·· #33 | copy ·· #34 ]     commands are numbered; each piece knows its last one
 * ```
 */
export class SentLog {
  readonly #arena: Arena;
  readonly #bytesMax: number;
  /** A power of two long each. */
  #slabs: (Slab | null)[] = Array.from({ length: INITIAL_CAPACITY }, () => null);
  #copies: (Buffer | null)[] = Array.from({ length: INITIAL_CAPACITY }, () => null);
  #ends = new Float64Array(INITIAL_CAPACITY);
  #lostAt = new Float64Array(INITIAL_CAPACITY);
  #mask = INITIAL_CAPACITY - 1;
  #head = 0;
  #count = 0;
  #bytes = 0;
  /** The number of the last command before the oldest piece. */
  #start = 0;

  constructor(arena: Arena, bytesMax: number) {
    this.#arena = arena;
    this.#bytesMax = bytesMax;
  }

  /** Takes a slab that the kernel has taken all of. `end`: the number of its last command. */
  keepSlab(slab: Slab, end: number, lostAtMs: number): void {
    if (this.#bytesMax === 0) {
      this.#arena.give(slab);
      if (this.#count > 0) this.#trim(0);
      this.#start = end;
      return;
    }
    const last = (this.#head + this.#count - 1) & this.#mask;
    const before = this.#count < LOOSE_PIECES_MAX ? null : this.#slabs[last]!;
    this.#bytes += slab.length;
    if (before !== null && this.#lostAt[last] === lostAtMs && before.appendSlab(slab)) {
      this.#ends[last] = end;
      this.#arena.give(slab);
    } else this.#push(slab, null, end, lostAtMs);
    if (this.#bytes > this.#bytesMax) this.#trim(0);
  }

  /** Takes bytes that nobody else changes. `queuedBytes` of all that was written wait for the kernel. */
  keepCopy(bytes: Buffer, end: number, lostAtMs: number, queuedBytes: number): void {
    this.#bytes += bytes.length;
    this.#push(null, bytes, end, lostAtMs);
    if (this.#bytes > this.#bytesMax) this.#trim(queuedBytes);
  }

  /** The commands up to this number are answered. */
  forget(answered: number): void {
    while (this.#count > 0 && this.#ends[this.#head]! <= answered) this.#drop();
  }

  // Cold path: once for a connection that broke.
  /**
   * What is left after `answered` commands; the last `unsentBytes` bytes never reached the kernel. Valid until
   * `clear`.
   */
  remains(answered: number, unsentBytes: number): Remains {
    const pieces: CommandPiece[] = [];
    let sentBytes = this.#bytes - unsentBytes;
    for (let i = 0; i < this.#count; i++) {
      const index = (this.#head + i) & this.#mask;
      const bytes = this.#copies[index] ?? this.#slabs[index]!.view();
      const lostAtMs = this.#lostAt[index]!;
      const sent = Math.max(0, Math.min(bytes.length, sentBytes));
      pieces.push({ bytes, sentBytes: sent, lostAtMs, wasSent: lostAtMs >= 0 });
      sentBytes -= bytes.length;
    }
    return { pieces, answeredCount: answered - this.#start };
  }

  /** Forgets everything; the numbers begin anew. */
  clear(): void {
    while (this.#count > 0) this.#drop();
    this.#start = 0;
  }

  #push(slab: Slab | null, copy: Buffer | null, end: number, lostAtMs: number): void {
    if (this.#count > this.#mask) this.#grow();
    const index = (this.#head + this.#count) & this.#mask;
    this.#slabs[index] = slab;
    this.#copies[index] = copy;
    this.#ends[index] = end;
    this.#lostAt[index] = lostAtMs;
    this.#count++;
  }

  /** Drops the oldest pieces, but nothing that may not have reached the kernel: it could be sent again for sure. */
  #trim(queuedBytes: number): void {
    while (this.#count > 0 && this.#bytes > this.#bytesMax) {
      if (this.#bytes - this.#sizeOf(this.#head) < queuedBytes) return;
      this.#drop();
    }
  }

  #drop(): void {
    const head = this.#head;
    const slab = this.#slabs[head]!;
    this.#bytes -= this.#sizeOf(head);
    this.#start = this.#ends[head]!;
    if (slab !== null) this.#arena.give(slab);
    this.#slabs[head] = null;
    this.#copies[head] = null;
    this.#head = (head + 1) & this.#mask;
    this.#count--;
  }

  #sizeOf(index: number): number {
    const slab = this.#slabs[index]!;
    return slab === null ? this.#copies[index]!.length : slab.length;
  }

  #grow(): void {
    const size = this.#mask + 1;
    const slabs: (Slab | null)[] = [];
    const copies: (Buffer | null)[] = [];
    const ends = new Float64Array(size * 2);
    const lostAt = new Float64Array(size * 2);
    for (let i = 0; i < size * 2; i++) {
      const from = (this.#head + i) & this.#mask;
      slabs.push(i < size ? this.#slabs[from]! : null);
      copies.push(i < size ? this.#copies[from]! : null);
      if (i >= size) continue;
      ends[i] = this.#ends[from]!;
      lostAt[i] = this.#lostAt[from]!;
    }
    this.#slabs = slabs;
    this.#copies = copies;
    this.#ends = ends;
    this.#lostAt = lostAt;
    this.#mask = size * 2 - 1;
    this.#head = 0;
  }
}
