import type net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { LINGER_MS, type Transport, type TransportHandler } from './transport.ts';

const UV_EOF = -4095;

/** A write on its way; the runtime fills in the rest. */
interface WriteRequest {
  transport: RawTransport | null;
  /** Keeps the memory alive until the kernel has it. */
  bytes: Uint8Array | null;
  oncomplete: (this: WriteRequest, status: number) => void;
}

/** The socket's handle, as far as it is used here. */
export interface StreamHandle {
  transport: RawTransport | null;
  onread: (this: StreamHandle) => void;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
}

/** The runtime's side of stream handles. Not public API: whoever makes one looks at every part of it. */
export interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

/** What the sockets of one loop share. */
export interface RawContext {
  readonly binding: StreamBinding;
  readonly buffer: Buffer;
}

/**
 * A socket whose handle is used directly: reads go into the shared buffer, and a write that the kernel takes
 * at once allocates nothing. The `net.Socket` stays the owner: it connects, shuts down and closes.
 */
export class RawTransport implements Transport {
  queuedBytes = 0;
  readonly #context: RawContext;
  readonly #socket: net.Socket;
  readonly #handler: TransportHandler;
  #handle: StreamHandle | null = null;
  #spare: WriteRequest | null = null;
  #isDropped = false;
  #isEnding = false;
  #hasPeerEnded = false;
  #linger: NodeJS.Timeout | null = null;

  constructor(context: RawContext, socket: net.Socket, handler: TransportHandler) {
    this.#context = context;
    this.#socket = socket;
    this.#handler = handler;
    let failure: Error | null = null;
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      this.#handle = null;
      if (this.#linger !== null) clearTimeout(this.#linger);
      if (!this.#isDropped) handler.onClose(failure);
    });
  }

  /** Takes the handle of a connected socket that has not begun to read. */
  start(handle: StreamHandle): void {
    this.#handle = handle;
    handle.transport = this;
    handle.onread = onRead;
    handle.useUserBuffer(this.#context.buffer);
    handle.readStart();
  }

  write(bytes: Uint8Array): boolean {
    const handle = this.#handle;
    if (handle === null) return true;
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = this.#context.binding;
    const request = this.#spare ?? new WriteWrap();
    request.transport = this;
    request.oncomplete = onWritten;
    const status = handle.writeBuffer(request, bytes);
    if (status !== 0) {
      this.#fail('write', status);
      return true;
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) {
      this.#spare = request;
      return true;
    }
    this.#spare = null;
    request.bytes = bytes;
    this.queuedBytes += bytes.length;
    return false;
  }

  pause(): void {
    this.#handle?.readStop();
  }

  resume(): void {
    if (!this.#hasPeerEnded) this.#handle?.readStart();
  }

  // Cold path: once per connection.
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    // What the peer still sends has to be read, so that its end is noticed. The stream's own shutdown waits
    // for the writes that are under way.
    this.resume();
    const socket = this.#socket;
    socket.end(() => {
      if (this.#hasPeerEnded) socket.destroy();
      else if (!socket.destroyed) this.#linger = setTimeout(() => socket.destroy(), LINGER_MS);
    });
  }

  destroy(): void {
    this.#isDropped = true;
    this.#handle = null;
    this.#socket.destroy();
  }

  onReadable(count: number): void {
    if (this.#handle === null) return;
    if (count > 0) this.#handler.onBytes(this.#context.buffer, count);
    else if (count === UV_EOF) this.#onEnd(this.#handle);
    else if (count < 0) this.#fail('read', count);
  }

  onWritten(size: number, status: number): void {
    this.queuedBytes -= size;
    if (status < 0) this.#fail('write', status);
    else if (this.queuedBytes === 0 && this.#handle !== null) this.#handler.onDrain();
  }

  get streamState(): StreamBinding {
    return this.#context.binding;
  }

  #onEnd(handle: StreamHandle): void {
    handle.readStop();
    this.#hasPeerEnded = true;
    if (this.#socket.writableFinished) this.#socket.destroy();
    else this.#handler.onEnd();
  }

  #fail(what: string, status: number): void {
    if (this.#handle === null) return;
    this.#handle = null;
    this.#socket.destroy(new Error(`${what} ${getSystemErrorName(status)}`));
  }
}

function onRead(this: StreamHandle): void {
  const { transport } = this;
  if (transport === null) return;
  const { streamBaseState, kReadBytesOrError } = transport.streamState;
  transport.onReadable(streamBaseState[kReadBytesOrError] ?? 0);
}

function onWritten(this: WriteRequest, status: number): void {
  const size = this.bytes?.length ?? 0;
  this.bytes = null;
  this.transport?.onWritten(size, status);
}
