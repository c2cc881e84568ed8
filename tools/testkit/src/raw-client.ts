import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeCommand, ValueDecoder, type RespValue } from '@undermoon/resp';

export type RawTarget =
  | { readonly port: number; readonly host?: string }
  | { readonly path: string }
  /** "host:port". */
  | string;

interface Waiter {
  resolve(value: RespValue): void;
  reject(reason: Error): void;
}

/** A TCP client that sends exactly the bytes it is given and hands out whole RESP values in order. */
export class RawClient {
  /** Resolves when the server (or this side) has closed the connection, in whatever way. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #decoder: ValueDecoder = new ValueDecoder();
  readonly #values: RespValue[] = [];
  readonly #waiters: Waiter[] = [];
  #received: Buffer[] = [];
  #end: Error | null = null;

  /** Connects; rejects when the server cannot be reached. */
  static async connect(target: RawTarget): Promise<RawClient> {
    const socket = connect(socketTarget(target));
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (bytes: Buffer) => this.#onBytes(bytes));
    socket.on('error', (error) => this.#onEnd(error));
    socket.on('close', () => this.#onEnd(new Error('the server closed the connection')));
  }

  /** All bytes received so far, but for forgotten ones. */
  get receivedBytes(): Buffer {
    this.#received = [Buffer.concat(this.#received)];
    return this.#received[0] ?? Buffer.alloc(0);
  }

  /** Lets go of the bytes received so far, where many will come. */
  forgetReceived(): void {
    this.#received = [];
  }

  /** Sends bytes as they are; resolves when the kernel has taken them. */
  send(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Sends every byte in a write of its own. */
  async sendByteByByte(bytes: string | Uint8Array): Promise<void> {
    for (const byte of Buffer.from(bytes)) await this.send(Uint8Array.of(byte));
  }

  /** Sends one command and awaits the next reply. */
  async command(...words: readonly (string | Uint8Array)[]): Promise<RespValue> {
    const reply = this.reply();
    // Without this, a failed send would leave the rejected reply unhandled.
    reply.catch(() => undefined);
    await this.send(encodeCommand(words));
    return reply;
  }

  /** The next reply; rejects when the connection ends before one is whole. */
  reply(): Promise<RespValue> {
    const value = this.#values.shift();
    if (value !== undefined) return Promise.resolve(value);
    if (this.#end !== null) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** The next `count` replies. */
  replies(count: number): Promise<RespValue[]> {
    return Promise.all(Array.from({ length: count }, () => this.reply()));
  }

  /** Stops reading, so that the server's writes pile up; `resume` goes on. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes this side in order, after what was sent. */
  end(): void {
    this.#socket.end();
  }

  /** Closes at once and awaits it. Safe to call twice. */
  async close(): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }

  /** Closes with a TCP reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onBytes(bytes: Buffer): void {
    this.#received.push(Buffer.from(bytes));
    try {
      this.#decoder.push(bytes);
      for (let value = this.#decoder.next(); value !== undefined; value = this.#decoder.next()) {
        const waiter = this.#waiters.shift();
        if (waiter) waiter.resolve(value);
        else this.#values.push(value);
      }
    } catch (error) {
      this.#socket.destroy();
      this.#onEnd(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #onEnd(reason: Error): void {
    this.#end ??= reason;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#end);
  }
}

function socketTarget(target: RawTarget): { host: string; port: number } | { path: string } {
  if (typeof target !== 'string')
    return 'path' in target ? target : { host: '127.0.0.1', ...target };
  const colon = target.lastIndexOf(':');
  return { host: target.slice(0, colon), port: Number(target.slice(colon + 1)) };
}
