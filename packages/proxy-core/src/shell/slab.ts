/** Bytes in one slab, and the largest piece that is copied into one. */
export const SLAB_BYTES = 65_536;

const CACHED_VIEW_MAX = 4096;
const POOL_MAX = 64;
const BYTE_LOOP_MAX = 48;

/** A fixed buffer that gathers bytes for one socket; views of common lengths are made once. */
export class Slab {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  length = 0;
  readonly #views: (Buffer | undefined)[] = [];

  /** Copies `from[start, end)` to the end; the caller made sure that it fits. */
  append(from: Uint8Array, start: number, end: number): void {
    const to = this.bytes;
    let at = this.length;
    this.length = at + end - start;
    // Below about 50 bytes a loop beats the call into the runtime.
    if (end - start <= BYTE_LOOP_MAX) for (let i = start; i < end; i++) to[at++] = from[i]!;
    else to.set(from.subarray(start, end), at);
  }

  /** The gathered bytes as a view that is valid until the slab is filled again. */
  view(): Buffer {
    const length = this.length;
    if (length > CACHED_VIEW_MAX) return this.bytes.subarray(0, length);
    return (this.#views[length] ??= this.bytes.subarray(0, length));
  }
}

/** Slabs that are free for use. A slab that a socket still writes from is simply not given back. */
export class SlabPool {
  readonly #free: Slab[] = [];

  take(): Slab {
    const slab = this.#free.pop() ?? new Slab();
    slab.length = 0;
    return slab;
  }

  give(slab: Slab): void {
    if (this.#free.length < POOL_MAX) this.#free.push(slab);
  }
}
