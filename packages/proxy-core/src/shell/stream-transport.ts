import net from 'node:net';
import type { Arena } from './slab.ts';
import {
  type AcceptedConnection,
  type ConnectHandler,
  type ConnectTarget,
  LINGER_MS,
  peerText,
  type Transport,
  type TransportFactory,
  type TransportHandler,
} from './transport.ts';

/** A socket used as a stream. */
class SocketTransport implements Transport {
  readonly #socket: net.Socket;
  #isDropped = false;
  #linger: NodeJS.Timeout | null = null;

  constructor(socket: net.Socket, handler: TransportHandler) {
    this.#socket = socket;
    let failure: Error | null = null;
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('drain', () => {
      if (!this.#isDropped) handler.onDrain();
    });
    socket.on('end', () => {
      if (!this.#isDropped) handler.onEnd();
    });
    socket.on('close', () => {
      if (this.#linger !== null) clearTimeout(this.#linger);
      if (!this.#isDropped) handler.onClose(failure);
    });
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  get unsentBytes(): number {
    // What the stream has not given to its handle is not counted: it cannot be told from what it has.
    const handle: unknown = Reflect.get(this.#socket, '_handle');
    if (typeof handle !== 'object' || handle === null) return 0;
    const size: unknown = Reflect.get(handle, 'writeQueueSize');
    return typeof size === 'number' ? size : 0;
  }

  get peer(): string {
    return peerText(this.#socket.remoteAddress, this.#socket.remotePort);
  }

  write(bytes: Uint8Array): boolean {
    this.#socket.write(bytes);
    return this.#socket.writableLength === 0;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    const socket = this.#socket;
    if (socket.writableEnded) return;
    socket.end(() => {
      if (!socket.destroyed) this.#linger = setTimeout(() => socket.destroy(), LINGER_MS);
    });
  }

  detach(): null {
    return null;
  }

  destroy(): void {
    this.#isDropped = true;
    this.#socket.destroy();
  }
}

/**
 * Takes the handle out of an accepted socket, which then closes as if it had lost its connection. Not
 * public API, hence the question before: a runtime without it gets the fallback, not an error.
 */
function takeHandle(socket: net.Socket): object | null {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return null;
  Reflect.set(socket, '_handle', null);
  // Lets the server forget the emptied socket; the handle lives on in a new one.
  socket.destroy();
  return handle;
}

/**
 * All sockets read into one buffer: no allocation per read, and idle connections own no read buffer.
 * `onread` is public for outgoing sockets; an accepted socket gives its handle to a new one.
 */
export class SharedBufferTransports implements TransportFactory {
  readonly kind = 'shared-buffer';
  readonly #buffer: Buffer;

  /** Reads go into the first bytes of the arena. */
  constructor(arena: Arena) {
    this.#buffer = arena.readBuffer;
  }

  acceptFrom(server: net.Server, onAccepted: (connection: AcceptedConnection) => void): void {
    server.on('connection', onAccepted);
  }

  // Public API has no way.
  async acceptPerTurn(): Promise<void> {}

  accepted(connection: AcceptedConnection, handler: TransportHandler): Transport {
    const socket = acceptedSocket(connection);
    const handle = takeHandle(socket);
    // The connection may be gone already; an empty socket then closes by itself.
    if (handle === null) return new SocketTransport(socket, handler);
    const options = { handle, allowHalfOpen: true, onread: this.#onread(handler) };
    const taken = new net.Socket(options);
    const transport = new SocketTransport(taken, handler);
    taken.resume();
    return transport;
  }

  connect(target: ConnectTarget, handler: ConnectHandler): Transport {
    const socket = net.connect({
      ...target.address,
      noDelay: true,
      onread: this.#onread(handler),
    });
    return connecting(socket, target.timeoutMs, handler);
  }

  #onread(handler: TransportHandler): net.OnReadOpts {
    const buffer = this.#buffer;
    return {
      buffer,
      callback: (length) => {
        handler.onBytes(buffer, length);
        return true;
      },
    };
  }
}

/** The fallback: public stream events only. */
export class DataEventTransports implements TransportFactory {
  readonly kind = 'data-events';

  acceptFrom(server: net.Server, onAccepted: (connection: AcceptedConnection) => void): void {
    server.on('connection', onAccepted);
  }

  // Public API has no way.
  async acceptPerTurn(): Promise<void> {}

  accepted(connection: AcceptedConnection, handler: TransportHandler): Transport {
    const socket = acceptedSocket(connection);
    const transport = new SocketTransport(socket, handler);
    socket.allowHalfOpen = true;
    socket.on('data', (bytes: Buffer) => handler.onBytes(bytes, bytes.length));
    socket.resume();
    return transport;
  }

  connect(target: ConnectTarget, handler: ConnectHandler): Transport {
    const socket = net.connect({ ...target.address, noDelay: true });
    socket.on('data', (bytes: Buffer) => handler.onBytes(bytes, bytes.length));
    return connecting(socket, target.timeoutMs, handler);
  }
}

function acceptedSocket(connection: AcceptedConnection): net.Socket {
  if (connection instanceof net.Socket) return connection;
  throw new TypeError('a connection that another kind of sockets accepted');
}

function connecting(socket: net.Socket, timeoutMs: number, handler: ConnectHandler): Transport {
  const transport = new SocketTransport(socket, handler);
  const timer = setTimeout(() => {
    socket.destroy(new Error(`no connection within ${timeoutMs} ms`));
  }, timeoutMs);
  socket.once('close', () => clearTimeout(timer));
  socket.once('connect', () => {
    clearTimeout(timer);
    handler.onConnect(transport);
  });
  return transport;
}
