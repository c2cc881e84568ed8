import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type ConnectionLabel, labelOf, labelText } from '../core/connection-label.ts';
import { hasMethods, loadBinding } from './runtime-binding.ts';
import type { AcceptedConnection } from './transport.ts';

/** A pipe's handle, as far as it is used here. */
interface PipeHandle {
  readonly fd: number;
  pendingHandle: object | null;
  onread: (bytes: ArrayBuffer | undefined) => void;
  open(fd: number): number;
  connect(request: PipeRequest, address: string): number;
  readStart(): number;
  writeLatin1String(request: PipeRequest, text: string, handle: object): number;
  close(): void;
}

interface PipeRequest {
  oncomplete: (status: number) => void;
}

/** What of the runtime this needs. */
interface PipeBinding {
  readonly Pipe: new (type: number) => PipeHandle;
  readonly PipeConnectWrap: new () => PipeRequest;
  readonly WriteWrap: new () => PipeRequest;
  readonly ipc: number;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kArrayBufferOffset: number;
}

/** A connection's handle after it left the loop that accepted it. */
interface ClosableHandle {
  close(): void;
}

/** What comes with a copy: any label will do. */
const COPY: ConnectionLabel = { kind: 'trial', id: 0 };

/** The sending end, in the loop that accepts. */
export interface HandleSender {
  /** The number of the receiving end's descriptor. */
  readonly receiverFd: number;
  /** Sends a connection that nobody reads from and forgets it. `onLost`: it did not arrive. */
  send(connection: AcceptedConnection, label: ConnectionLabel, onLost: () => void): void;
  /** Sends another descriptor of what this handle is of, which stays open here. False: it will not arrive. */
  sendCopy(handle: object): boolean;
  /** Connections on their way are closed. */
  close(): void;
}

/** The receiving end. */
export interface HandleReceiver {
  /** Handles on their way are lost. */
  close(): void;
}

/**
 * Opens a channel that carries connections from one thread of this process to another: a pair of Unix
 * sockets over which the kernel passes descriptors, as between a parent and its child process. Null where
 * the runtime cannot do it. See docs/decisions/0009.
 */
export async function openHandleChannel(): Promise<HandleSender | null> {
  const binding = findBinding();
  if (binding === null) return null;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'undermoon-'));
  const server = net.createServer({ pauseOnConnect: true });
  try {
    return await connectPair(binding, server, path.join(folder, 'loop'));
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function connectPair(
  binding: PipeBinding,
  server: net.Server,
  address: string,
): Promise<HandleSender | null> {
  return new Promise((resolve) => {
    const pipe = new binding.Pipe(binding.ipc);
    const fail = (): void => {
      pipe.close();
      resolve(null);
    };
    server.once('error', fail);
    server.once('connection', (socket) => {
      // The receiver opens this descriptor anew, as the kind of pipe that takes handles, and closes it. This
      // socket is therefore never closed: that would close whatever has the number by then.
      socket.unref();
      const handle: unknown = Reflect.get(socket, '_handle');
      const fd: unknown = hasMethods(handle, ['close']) ? Reflect.get(Object(handle), 'fd') : -1;
      if (typeof fd === 'number' && fd >= 0) resolve(new PipeSender(binding, pipe, fd));
      else fail();
    });
    server.listen(address, () => {
      const request = new binding.PipeConnectWrap();
      request.oncomplete = (status) => {
        if (status !== 0) fail();
      };
      if (pipe.connect(request, address) !== 0) fail();
    });
  });
}

class PipeSender implements HandleSender {
  readonly receiverFd: number;
  readonly #binding: PipeBinding;
  readonly #pipe: PipeHandle;
  #isClosed = false;

  constructor(binding: PipeBinding, pipe: PipeHandle, receiverFd: number) {
    this.#binding = binding;
    this.#pipe = pipe;
    this.receiverFd = receiverFd;
  }

  send(connection: AcceptedConnection, label: ConnectionLabel, onLost: () => void): void {
    if (!isClosable(connection)) throw new TypeError('not a connection of this kind');
    const request = new this.#binding.WriteWrap();
    // The kernel has its own reference once the message is sent.
    const finish = (status: number): void => {
      connection.close();
      if (status !== 0) onLost();
    };
    if (this.#isClosed) {
      finish(-1);
      return;
    }
    request.oncomplete = finish;
    const status = this.#pipe.writeLatin1String(request, labelText(label), connection);
    if (status !== 0) finish(status);
  }

  sendCopy(handle: object): boolean {
    const request = new this.#binding.WriteWrap();
    request.oncomplete = () => undefined;
    return this.#pipe.writeLatin1String(request, labelText(COPY), handle) === 0;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#pipe.close();
  }
}

/**
 * Opens the receiving end by its descriptor, in the thread that serves the connections. Null where the
 * runtime cannot do it. `onHandle` gets null for a handle that was lost on its way: this process has too many
 * descriptors.
 */
export function receiveHandles(
  fd: number,
  onHandle: (handle: AcceptedConnection | null, label: ConnectionLabel) => void,
): HandleReceiver | null {
  const binding = findBinding();
  if (binding === null) return null;
  const { streamBaseState, kReadBytesOrError, kArrayBufferOffset } = binding;
  const pipe = new binding.Pipe(binding.ipc);
  if (pipe.open(fd) !== 0) return null;
  pipe.pendingHandle = null;
  pipe.onread = (bytes) => {
    const length = streamBaseState[kReadBytesOrError] ?? -1;
    const handle = pipe.pendingHandle;
    pipe.pendingHandle = null;
    if (length < 0) pipe.close();
    if (length < 0 || bytes === undefined) return;
    const offset = streamBaseState[kArrayBufferOffset] ?? 0;
    onHandle(handle, labelOf(Buffer.from(bytes, offset, length).toString('latin1')));
  };
  return pipe.readStart() === 0 ? { close: () => pipe.close() } : null;
}

function isClosable(value: object): value is ClosableHandle {
  return hasMethods(value, ['close']);
}

function findBinding(): PipeBinding | null {
  const pipes = loadBinding('pipe_wrap');
  const streams = loadBinding('stream_wrap');
  const constants: unknown = pipes?.get('constants');
  const ipc: unknown = typeof constants === 'object' ? Reflect.get(Object(constants), 'IPC') : null;
  const parts = {
    Pipe: pipes?.get('Pipe'),
    PipeConnectWrap: pipes?.get('PipeConnectWrap'),
    WriteWrap: streams?.get('WriteWrap'),
    ipc,
    streamBaseState: streams?.get('streamBaseState'),
    kReadBytesOrError: streams?.get('kReadBytesOrError'),
    kArrayBufferOffset: streams?.get('kArrayBufferOffset'),
  };
  return isPipeBinding(parts) ? parts : null;
}

function isPipeBinding(parts: Record<keyof PipeBinding, unknown>): parts is PipeBinding {
  return (
    typeof parts.Pipe === 'function' &&
    hasMethods(parts.Pipe.prototype, [
      'open',
      'connect',
      'readStart',
      'writeLatin1String',
      'close',
    ]) &&
    typeof parts.PipeConnectWrap === 'function' &&
    typeof parts.WriteWrap === 'function' &&
    typeof parts.ipc === 'number' &&
    parts.streamBaseState instanceof Int32Array &&
    typeof parts.kReadBytesOrError === 'number' &&
    typeof parts.kArrayBufferOffset === 'number'
  );
}
