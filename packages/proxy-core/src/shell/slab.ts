/** Bytes in one slab, and the largest piece that is copied into one. */
export const SLAB_BYTES = 65_536;
/** Bytes that one read can bring. */
export const READ_BYTES = 65_536;

const CACHED_VIEW_MAX = 4096;
const ARENA_SLABS = 32;
const BYTE_LOOP_MAX = 48;

/** A fixed buffer that gathers bytes for one socket; views of common lengths are made once. */
export class Slab {
  length = 0;
  readonly #memory: Buffer;
  readonly #base: number;
  readonly #views: (Buffer | undefined)[] = [];

  /** Uses `memory[base, base + SLAB_BYTES)`. */
  constructor(memory: Buffer, base: number) {
    this.#memory = memory;
    this.#base = base;
  }

  /** Copies `from[start, end)` to the end; the caller made sure that it fits. */
  append(from: Uint8Array, start: number, end: number): void {
    const to = this.#memory;
    let at = this.#base + this.length;
    this.length += end - start;
    // Within one memory a copy needs no view of its source, which would cost more than the copy.
    if (from === to) to.copyWithin(at, start, end);
    // Below about 50 bytes a loop beats the call into the runtime.
    else if (end - start <= BYTE_LOOP_MAX) for (let i = start; i < end; i++) to[at++] = from[i]!;
    else to.set(from.subarray(start, end), at);
  }

  /** Whether its bytes are part of `memory`. */
  isIn(memory: Buffer): boolean {
    return this.#memory === memory;
  }

  /** Takes over what another slab holds. False: it does not fit. */
  appendSlab(other: Slab): boolean {
    const { length } = other;
    if (length > SLAB_BYTES - this.length) return false;
    const base = other.#base;
    this.append(other.#memory, base, base + length);
    return true;
  }

  /** The gathered bytes as a view that is valid until the slab is filled again. */
  view(): Buffer {
    const length = this.length;
    if (length > CACHED_VIEW_MAX) return this.#memory.subarray(this.#base, this.#base + length);
    return (this.#views[length] ??= this.#memory.subarray(this.#base, this.#base + length));
  }
}

/**
 * The memory of one event loop: what was read, and the slabs that it is copied into, side by side in one
 * buffer, so that the copies on the data path are moves within it.
 *
 * ```text
 *   [ read buffer | slab 0 | slab 1 | … | slab 31 ]      further slabs have memory of their own
 * ```
 */
export class Arena {
  readonly memory: Buffer = Buffer.allocUnsafeSlow(READ_BYTES + ARENA_SLABS * SLAB_BYTES);
  /** The first bytes of `memory`. */
  readonly readBuffer: Buffer = this.memory.subarray(0, READ_BYTES);
  readonly #free: Slab[] = [];
  /** Free slabs with memory of their own. */
  readonly #freeOutside: Slab[] = [];
  #unused = ARENA_SLABS;

  /** An empty slab; of the arena as long as it has one. */
  take(): Slab {
    const slab = this.#free.pop() ?? this.#make();
    slab.length = 0;
    return slab;
  }

  /** Takes a slab back. One that a socket still writes from is given back when it has been written. */
  give(slab: Slab): void {
    if (slab.isIn(this.memory)) this.#free.push(slab);
    else if (this.#freeOutside.length < ARENA_SLABS) this.#freeOutside.push(slab);
  }

  #make(): Slab {
    if (this.#unused === 0) {
      return this.#freeOutside.pop() ?? new Slab(Buffer.allocUnsafeSlow(SLAB_BYTES), 0);
    }
    this.#unused--;
    return new Slab(this.memory, READ_BYTES + this.#unused * SLAB_BYTES);
  }
}
