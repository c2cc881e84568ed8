import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { MALFORMED, scanReply } from '@undermoon/resp';

/** One connection to a server; hands out whole replies as the bytes that came. */
export class ReplyConnection {
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #frames: Buffer[] = [];
  #isClosed = false;
  #wake: (() => void) | null = null;

  static async open(address: string): Promise<ReplyConnection> {
    const colon = address.lastIndexOf(':');
    const socket = connect({
      host: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
    });
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return new ReplyConnection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#onBytes(chunk));
    // A reset is an end like any other here: what matters is which replies came before it.
    socket.on('error', () => this.#onClose());
    socket.on('close', () => this.#onClose());
  }

  /** Whole replies that nobody took yet. */
  get readyCount(): number {
    return this.#frames.length;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when the kernel has the bytes. What cannot be sent any more is missed by its reply. */
  send(bytes: Buffer): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  /** Up to `count` replies: fewer when the connection ends, or nothing comes for `timeoutMs`. */
  async take(count: number, timeoutMs: number): Promise<Buffer[]> {
    await this.#until(() => this.#frames.length >= count || this.#isClosed, timeoutMs);
    return this.#frames.splice(0, count);
  }

  /** Whether the server ends the connection within `timeoutMs`. */
  async ends(timeoutMs: number): Promise<boolean> {
    await this.#until(() => this.#isClosed, timeoutMs);
    return this.#isClosed;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #until(isDone: () => boolean, timeoutMs: number): Promise<void> {
    const giveUpAt = performance.now() + timeoutMs;
    const timer = setTimeout(() => this.#wake?.(), timeoutMs + 1);
    while (!isDone() && performance.now() < giveUpAt) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    clearTimeout(timer);
    this.#wake = null;
  }

  #onBytes(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    let start = 0;
    while (start < this.#bytes.length) {
      const end = scanReply(this.#bytes, start, this.#bytes.length);
      if (end === MALFORMED) {
        // Kept as one frame, so that it is compared and shown.
        this.#frames.push(Buffer.from(this.#bytes.subarray(start)));
        start = this.#bytes.length;
      } else if (end < 0) break;
      else {
        this.#frames.push(Buffer.from(this.#bytes.subarray(start, end)));
        start = end;
      }
    }
    this.#bytes = this.#bytes.subarray(start);
    this.#wake?.();
  }

  #onClose(): void {
    this.#isClosed = true;
    this.#wake?.();
  }
}
