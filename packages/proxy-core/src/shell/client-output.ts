import { type Arena, SLAB_BYTES, type Slab } from './slab.ts';

/** A socket that replies go to. */
export interface OutputTarget {
  /** Earlier bytes are still waiting for the kernel. */
  readonly isBacklogged: boolean;
  /**
   * Sends bytes. True: the kernel took all of them and the caller may reuse the memory. False: it may not, and
   * `slab`, if the bytes are its, goes back to the arena when they have left.
   */
  send(bytes: Uint8Array, slab: Slab | null): boolean;
}

/**
 * Gathers reply bytes of one client at a time in a slab shared by the whole loop. Replies of a pipeline
 * stand together in a backend's chunk, so they leave as one write.
 */
export class ClientOutput {
  readonly #arena: Arena;
  #slab: Slab;
  #target: OutputTarget | null = null;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#slab = arena.take();
  }

  /** Adds `bytes[start, end)` to what `target` gets; the bytes are copied. */
  append(target: OutputTarget, bytes: Uint8Array, start: number, end: number): void {
    if (target !== this.#target) {
      this.flush();
      this.#target = target;
    }
    const size = end - start;
    if (size > SLAB_BYTES - this.#slab.length) {
      this.flush();
      this.#target = target;
      if (size > SLAB_BYTES) {
        target.send(Buffer.from(bytes.subarray(start, end)), null);
        return;
      }
    }
    this.#slab.append(bytes, start, end);
  }

  /** Adds bytes that nobody changes any more. Large ones are passed on without a copy. */
  appendShared(target: OutputTarget, bytes: Uint8Array): void {
    if (bytes.length > SLAB_BYTES) {
      this.flush();
      target.send(bytes, null);
    } else this.append(target, bytes, 0, bytes.length);
  }

  /** Hands what is gathered to its socket. Called at the end of each chunk. */
  flush(): void {
    const target = this.#target;
    const slab = this.#slab;
    this.#target = null;
    if (target === null || slab.length === 0) return;
    const view = slab.view();
    if (target.isBacklogged) target.send(Buffer.from(view), null);
    else if (!target.send(view, slab)) this.#slab = this.#arena.take();
    slab.length = 0;
  }
}
