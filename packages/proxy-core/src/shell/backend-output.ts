import type { Remains } from '../core/lost-commands.ts';
import { SentLog } from './sent-log.ts';
import { type Arena, SLAB_BYTES, type Slab } from './slab.ts';
import type { Transport } from './transport.ts';

/** The commands for one server connection: gathered for a turn of the loop, written, and kept until their replies. */
export class BackendOutput {
  readonly #arena: Arena;
  readonly #sent: SentLog;
  #slab: Slab | null = null;
  /** When a reply to commands in the slab was lost first; -1: never. */
  #slabLostAtMs = -1;
  /** Commands given to this connection since it was made. */
  #commandCount = 0;

  /** `keptBytesMax` of written commands are kept. */
  constructor(arena: Arena, keptBytesMax: number) {
    this.#arena = arena;
    this.#sent = new SentLog(arena, keptBytesMax);
  }

  /** Adds `count` commands, which are copied. True: the first since the last flush. */
  append(
    transport: Transport,
    bytes: Buffer,
    start: number,
    end: number,
    count: number,
    lostAtMs: number,
  ): boolean {
    const size = end - start;
    if (this.#slab !== null && size > SLAB_BYTES - this.#slab.length) this.flush(transport);
    this.#commandCount += count;
    if (size > SLAB_BYTES) {
      const copy = Buffer.from(bytes.subarray(start, end));
      transport.write(copy);
      this.#sent.keepCopy(copy, this.#commandCount, lostAtMs, transport.queuedBytes);
      return false;
    }
    if (lostAtMs >= 0) this.#slabLostAtMs = lostAtMs;
    if (this.#slab !== null) {
      this.#slab.append(bytes, start, end);
      return false;
    }
    this.#slab = this.#arena.take();
    this.#slab.append(bytes, start, end);
    return true;
  }

  /** Hands what is gathered to the socket. */
  flush(transport: Transport): void {
    const slab = this.#slab;
    if (slab === null) return;
    const lostAtMs = this.#slabLostAtMs;
    this.#slab = null;
    this.#slabLostAtMs = -1;
    const isQueued = transport.queuedBytes > 0;
    if (!isQueued && transport.write(slab.view(), slab)) {
      this.#sent.keepSlab(slab, this.#commandCount, lostAtMs);
      return;
    }
    // The socket has the slab until the kernel has taken it, which may be before the replies come.
    const copy = Buffer.from(slab.view());
    if (isQueued) {
      transport.write(copy);
      this.#arena.give(slab);
    }
    this.#sent.keepCopy(copy, this.#commandCount, lostAtMs, transport.queuedBytes);
  }

  /** All but the last `owed` commands are answered. */
  settle(owed: number): void {
    this.#sent.forget(this.#commandCount - owed);
  }

  // Cold path: once for a connection that broke.
  /**
   * The last `owed` commands, of which the last `unsentBytes` bytes that were given to the socket never reached the
   * kernel. Valid until `clear`.
   */
  remains(owed: number, unsentBytes: number): Remains {
    const { pieces, answeredCount } = this.#sent.remains(this.#commandCount - owed, unsentBytes);
    const slab = this.#slab;
    if (slab === null) return { pieces, answeredCount };
    const lostAtMs = this.#slabLostAtMs;
    const last = { bytes: slab.view(), sentBytes: 0, lostAtMs, wasSent: lostAtMs >= 0 };
    return { pieces: [...pieces, last], answeredCount };
  }

  /** The next commands go over another connection. */
  clear(): void {
    this.#sent.clear();
    if (this.#slab !== null) this.#arena.give(this.#slab);
    this.#slab = null;
    this.#slabLostAtMs = -1;
    this.#commandCount = 0;
  }
}
