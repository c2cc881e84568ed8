import type net from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { Arena, Slab } from './slab.ts';
import { LINGER_MS, peerText, type Transport, type TransportHandler } from './transport.ts';

const UV_EOF = -4095;

/** A write on its way; the runtime fills in the rest. */
interface WriteRequest {
  transport: RawTransport | null;
  /** Keeps the memory alive until the kernel has it. */
  bytes: Uint8Array | null;
  slab: Slab | null;
  oncomplete: (this: WriteRequest, status: number) => void;
}

interface ShutdownRequest {
  transport: RawTransport | null;
  oncomplete: (this: ShutdownRequest) => void;
}

/** The socket's handle, as far as it is used here. */
export interface StreamHandle {
  transport: RawTransport | null;
  onread: (this: StreamHandle) => void;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  shutdown(request: ShutdownRequest): number;
  close(onClosed: (this: StreamHandle) => void): void;
  /** Bytes that the kernel has not taken. */
  readonly writeQueueSize?: number;
  /** TCP handles only. */
  getpeername?(out: { address?: string; port?: number }): number;
}

/** The runtime's side of stream handles. Not public API: whoever makes one looks at every part of it. */
export interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly ShutdownWrap: new () => ShutdownRequest;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

/** What the sockets of one loop share. */
export interface RawContext {
  readonly binding: StreamBinding;
  readonly arena: Arena;
}

/**
 * A socket that is nothing but its handle: reads go into the shared buffer, a write that the kernel takes
 * at once allocates nothing, and a connection costs no stream.
 *
 * ```text
 * open ── end() ──► shutting down ── done ──► lingering ── peer ended or LINGER_MS ──► closed
 *   │                    └── peer ended before ──────────────────────────────────────► closed
 *   └── end() after the peer ended, nothing queued; an error; destroy() ──────────────► closed
 * ```
 */
export class RawTransport implements Transport {
  queuedBytes = 0;
  /** What was given up when the handle closed. */
  #droppedBytes = 0;
  readonly #context: RawContext;
  readonly #handler: TransportHandler;
  #handle: StreamHandle | null = null;
  #spare: WriteRequest | null = null;
  #isDropped = false;
  #isEnding = false;
  #isShutDown = false;
  #hasPeerEnded = false;
  #failure: Error | null = null;
  #linger: NodeJS.Timeout | null = null;
  /** Connects; empty once its handle was taken. */
  #connecting: net.Socket | null;

  constructor(
    context: RawContext,
    handler: TransportHandler,
    connecting: net.Socket | null = null,
  ) {
    this.#context = context;
    this.#handler = handler;
    this.#connecting = connecting;
  }

  /** Takes the handle of a connected socket that nobody else uses. */
  start(handle: StreamHandle): void {
    this.#connecting = null;
    this.#handle = handle;
    handle.transport = this;
    handle.onread = onRead;
    handle.useUserBuffer(this.#context.arena.readBuffer);
    handle.readStart();
  }

  get peer(): string {
    const name: { address?: string; port?: number } = {};
    this.#handle?.getpeername?.(name);
    return peerText(name.address, name.port);
  }

  write(bytes: Uint8Array, slab: Slab | null = null): boolean {
    const handle = this.#handle;
    if (handle === null) {
      this.#droppedBytes += bytes.length;
      return true;
    }
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = this.#context.binding;
    const request = this.#spare ?? new WriteWrap();
    request.transport = this;
    request.oncomplete = onWritten;
    const status = handle.writeBuffer(request, bytes);
    if (status !== 0) {
      this.#droppedBytes += bytes.length;
      this.#fail('write', status);
      return true;
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) {
      this.#spare = request;
      return true;
    }
    this.#spare = null;
    request.bytes = bytes;
    request.slab = slab;
    this.queuedBytes += bytes.length;
    return false;
  }

  // Cold path: once per connection.
  get unsentBytes(): number {
    return this.#droppedBytes + (this.#handle?.writeQueueSize ?? 0);
  }

  pause(): void {
    this.#handle?.readStop();
  }

  resume(): void {
    if (!this.#hasPeerEnded) this.#handle?.readStart();
  }

  // Cold path: once per connection.
  end(): void {
    const handle = this.#handle;
    if (handle === null || this.#isEnding) return;
    this.#isEnding = true;
    if (this.#hasPeerEnded && this.queuedBytes === 0) {
      this.#close();
      return;
    }
    // What the peer still sends has to be read, so that its end is noticed.
    this.resume();
    const request = new this.#context.binding.ShutdownWrap();
    request.transport = this;
    request.oncomplete = onShutdown;
    // The runtime shuts down after the writes that are under way.
    const status = handle.shutdown(request);
    if (status !== 0) this.#fail('shutdown', status);
  }

  // Cold path: once per connection.
  detach(): StreamHandle | null {
    const handle = this.#handle;
    if (handle === null || this.#isEnding || this.#hasPeerEnded || this.queuedBytes > 0)
      return null;
    handle.readStop();
    handle.transport = null;
    this.#handle = null;
    this.#isDropped = true;
    return handle;
  }

  destroy(): void {
    this.#isDropped = true;
    this.#connecting?.destroy();
    this.#close();
  }

  /** There will be no handle. */
  onRefused(failure: Error | null): void {
    if (!this.#isDropped) this.#handler.onClose(failure);
  }

  onReadable(count: number): void {
    if (this.#handle === null) return;
    if (count > 0) this.#handler.onBytes(this.#context.arena.memory, count);
    else if (count === UV_EOF) this.#onEnd();
    else if (count < 0) this.#fail('read', count);
  }

  onWritten(bytes: Uint8Array, slab: Slab | null, status: number): void {
    this.queuedBytes -= bytes.length;
    if (slab !== null) this.#context.arena.give(slab);
    if (status < 0) this.#fail('write', status);
    else if (this.queuedBytes === 0 && this.#handle !== null) this.#handler.onDrain();
  }

  onShutdown(): void {
    if (this.#handle === null) return;
    this.#isShutDown = true;
    if (this.#hasPeerEnded) this.#close();
    else this.#linger = setTimeout(closeLingering, LINGER_MS, this);
  }

  onLingered(): void {
    this.#close();
  }

  /** The handle is gone. */
  onClosed(): void {
    if (!this.#isDropped) this.#handler.onClose(this.#failure);
  }

  get streamState(): StreamBinding {
    return this.#context.binding;
  }

  /** The runtime has stopped reading. */
  #onEnd(): void {
    this.#hasPeerEnded = true;
    if (this.#isShutDown) this.#close();
    else this.#handler.onEnd();
  }

  #fail(what: string, status: number): void {
    if (this.#handle === null) return;
    this.#failure = new Error(`${what} ${getSystemErrorName(status)}`);
    this.#close();
  }

  #close(): void {
    const handle = this.#handle;
    if (handle === null) return;
    // Not what a failed write left: the runtime has taken that off already.
    this.#droppedBytes += handle.writeQueueSize ?? 0;
    this.#handle = null;
    if (this.#linger !== null) clearTimeout(this.#linger);
    handle.close(onClosed);
  }
}

function onRead(this: StreamHandle): void {
  const { transport } = this;
  if (transport === null) return;
  const { streamBaseState, kReadBytesOrError } = transport.streamState;
  transport.onReadable(streamBaseState[kReadBytesOrError] ?? 0);
}

function onWritten(this: WriteRequest, status: number): void {
  const { bytes, slab } = this;
  this.bytes = null;
  this.slab = null;
  if (bytes !== null) this.transport?.onWritten(bytes, slab, status);
}

function onShutdown(this: ShutdownRequest): void {
  this.transport?.onShutdown();
}

function closeLingering(transport: RawTransport): void {
  transport.onLingered();
}

function onClosed(this: StreamHandle): void {
  this.transport?.onClosed();
}
