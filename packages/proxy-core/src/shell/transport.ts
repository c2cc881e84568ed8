import net from 'node:net';

/** What a connection does with the events of its socket. */
export interface TransportHandler {
  /**
   * Bytes arrived in `buffer[0, length)`. The buffer is shared by all sockets of the loop and is
   * overwritten after the call.
   */
  onBytes(buffer: Buffer, length: number): void;
  /** Everything that was queued has left. */
  onDrain(): void;
  /** The peer will send no more. */
  onEnd(): void;
  /** The socket is gone. Called exactly once, unless `destroy` of the transport came first. */
  onClose(error: Error | null): void;
}

/** The same for an outgoing connection. */
export interface ConnectHandler extends TransportHandler {
  onConnect(transport: Transport): void;
}

/** One TCP or Unix socket. */
export interface Transport {
  /** Bytes that wait for the kernel. */
  readonly queuedBytes: number;
  /** True: the kernel took everything, the memory may be reused. False: the memory belongs to the socket. */
  write(bytes: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  /**
   * Sends what is queued, then closes. Closing at once while the peer still sends would make its kernel drop
   * what it has not read, so the peer gets a moment to close first.
   */
  end(): void;
  /** Closes at once. The handler hears nothing more: a late event would be taken for the next socket's. */
  destroy(): void;
}

const LINGER_MS = 1000;

/** How sockets of one loop read: into one shared buffer where the runtime can, else by data events. */
export interface TransportFactory {
  readonly kind: 'shared-buffer' | 'data-events';
  /** Takes over a socket that was accepted with `pauseOnConnect`. */
  accepted(socket: net.Socket, handler: TransportHandler): Transport;
  /** Connects; the handler's `onConnect` is called if that succeeds, its `onClose` otherwise. */
  connect(target: ConnectTarget, handler: ConnectHandler): Transport;
}

/** Where to connect to. */
export interface ConnectTarget {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

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
class SharedBufferTransports implements TransportFactory {
  readonly kind = 'shared-buffer';
  readonly #buffer: Buffer;

  constructor(bufferBytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bufferBytes);
  }

  accepted(socket: net.Socket, handler: TransportHandler): Transport {
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
      host: target.host,
      port: target.port,
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
class DataEventTransports implements TransportFactory {
  readonly kind = 'data-events';

  accepted(socket: net.Socket, handler: TransportHandler): Transport {
    const transport = new SocketTransport(socket, handler);
    socket.allowHalfOpen = true;
    socket.on('data', (bytes: Buffer) => handler.onBytes(bytes, bytes.length));
    socket.resume();
    return transport;
  }

  connect(target: ConnectTarget, handler: ConnectHandler): Transport {
    const socket = net.connect({ host: target.host, port: target.port, noDelay: true });
    socket.on('data', (bytes: Buffer) => handler.onBytes(bytes, bytes.length));
    return connecting(socket, target.timeoutMs, handler);
  }
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

/**
 * Chooses how sockets read. The shared buffer needs a socket's handle to be movable; whether it is, is
 * found out by asking a fresh socket, so that a runtime without it gets the fallback, not an error.
 */
export function createTransports(
  bufferBytes: number,
  prefer: 'shared-buffer' | 'data-events' = 'shared-buffer',
): TransportFactory {
  if (prefer === 'shared-buffer' && '_handle' in new net.Socket()) {
    return new SharedBufferTransports(bufferBytes);
  }
  return new DataEventTransports();
}
