import { once } from 'node:events';
import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import {
  type RawContext,
  RawTransport,
  type StreamBinding,
  type StreamHandle,
} from './raw-transport.ts';
import { copiesOf } from './handle-copies.ts';
import type { Arena } from './slab.ts';
import { hasMethods, loadBinding } from './runtime-binding.ts';
import {
  type AcceptedConnection,
  type ConnectHandler,
  type ConnectTarget,
  KEEP_ALIVE_DELAY_MS,
  LISTEN_BACKLOG,
  type Transport,
  type TransportFactory,
  type TransportHandler,
} from './transport.ts';

const TRIAL_BYTES = 1024 * 1024;
const TRIAL_TIMEOUT_MS = 2000;

/** The handle of a server that listens, as far as it is used here. */
interface ListeningHandle {
  onconnection: (status: number, accepted: AcceptedConnection) => void;
  setNoDelay(isOn: boolean): number;
  setKeepAlive(isOn: boolean, delayS: number): number;
  listen(backlog: number): number;
  close(): void;
}

class RawTransports implements TransportFactory {
  readonly kind = 'raw-handle';
  readonly #context: RawContext;
  /** What handles of accepted connections inherit from, looked at once. */
  #prototype: object | null = null;

  constructor(context: RawContext) {
    this.#context = context;
  }

  /** The runtime would make a stream of every connection; that would cost more than all the rest of it. */
  acceptFrom(server: net.Server, onAccepted: (connection: AcceptedConnection) => void): void {
    const handle = listeningHandleOf(server);
    // Accepted sockets inherit both on Linux and the BSDs, so they cost no calls of their own.
    handle.setNoDelay(true);
    handle.setKeepAlive(true, KEEP_ALIVE_DELAY_MS / 1000);
    handle.onconnection = (status, accepted) => {
      if (status === 0) onAccepted(accepted);
      else server.emit('error', new Error(`accept ${getSystemErrorName(status)}`));
    };
  }

  /** Each handle of the socket accepts one. */
  async acceptPerTurn(server: net.Server, count: number): Promise<void> {
    const handle = listeningHandleOf(server);
    const copies = (await copiesOf(handle, count - 1)).filter(isListeningHandle);
    const close = (): void => {
      for (const copy of copies) copy.close();
    };
    if (!server.listening) {
      close();
      return;
    }
    // Emitted before the loop takes another turn.
    server.once('close', close);
    for (const copy of copies) {
      copy.onconnection = handle.onconnection;
      copy.listen(LISTEN_BACKLOG);
    }
  }

  accepted(connection: AcceptedConnection, handler: TransportHandler): Transport {
    if (!this.#isOurs(connection)) throw new TypeError('not a connection of this kind');
    const transport = new RawTransport(this.#context, handler);
    transport.start(connection);
    return transport;
  }

  connect(target: ConnectTarget, handler: ConnectHandler): Transport {
    const socket = net.connect({ ...target.address, noDelay: true });
    // The socket itself must never read.
    socket.pause();
    const transport = new RawTransport(this.#context, handler, socket);
    let failure: Error | null = null;
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no connection within ${target.timeoutMs} ms`));
    }, target.timeoutMs);
    socket.once('error', (error) => {
      failure = error;
    });
    socket.once('close', () => {
      clearTimeout(timer);
      transport.onRefused(failure);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      const handle = takeStreamHandle(socket);
      if (handle === null) {
        socket.destroy(new Error('the connection has no handle'));
        return;
      }
      transport.start(handle);
      handler.onConnect(transport);
    });
    return transport;
  }

  #isOurs(connection: AcceptedConnection): connection is StreamHandle {
    const prototype: unknown = Object.getPrototypeOf(connection);
    if (prototype === this.#prototype) return true;
    if (!isStreamHandle(connection) || typeof prototype !== 'object') return false;
    this.#prototype = prototype;
    return true;
  }
}

/** The binding if this runtime has every part of it as expected. */
function findBinding(): StreamBinding | null {
  const parts = loadBinding('stream_wrap');
  const binding = {
    WriteWrap: parts?.get('WriteWrap'),
    ShutdownWrap: parts?.get('ShutdownWrap'),
    streamBaseState: parts?.get('streamBaseState'),
    kReadBytesOrError: parts?.get('kReadBytesOrError'),
    kLastWriteWasAsync: parts?.get('kLastWriteWasAsync'),
  };
  return isBinding(binding) ? binding : null;
}

function isBinding(parts: Record<keyof StreamBinding, unknown>): parts is StreamBinding {
  return (
    typeof parts.WriteWrap === 'function' &&
    typeof parts.ShutdownWrap === 'function' &&
    parts.streamBaseState instanceof Int32Array &&
    typeof parts.kReadBytesOrError === 'number' &&
    typeof parts.kLastWriteWasAsync === 'number'
  );
}

/** Leaves the socket empty: it has no further part in the connection. */
function takeStreamHandle(socket: net.Socket): StreamHandle | null {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (!isStreamHandle(handle)) return null;
  Reflect.set(socket, '_handle', null);
  return handle;
}

const STREAM_PARTS = [
  'useUserBuffer',
  'readStart',
  'readStop',
  'writeBuffer',
  'shutdown',
  'close',
] as const;

function isStreamHandle(value: unknown): value is StreamHandle {
  return hasMethods(value, STREAM_PARTS);
}

function isListeningHandle(value: unknown): value is ListeningHandle {
  return hasMethods(value, ['setNoDelay', 'setKeepAlive', 'listen', 'close']);
}

function listeningHandleOf(server: net.Server): ListeningHandle {
  const handle: unknown = Reflect.get(server, '_handle');
  if (!isListeningHandle(handle)) throw new TypeError('a server that does not listen');
  return handle;
}

/**
 * Transports over raw handles, or null where a trial does not succeed: both sides of a loopback connection
 * exchange data larger than the kernel's buffers, in both directions.
 */
export async function tryRawTransports(arena: Arena): Promise<TransportFactory | null> {
  const binding = findBinding();
  if (binding === null) return null;
  const transports = new RawTransports({ binding, arena });
  return (await isWorking(transports)) ? transports : null;
}

async function isWorking(transports: RawTransports): Promise<boolean> {
  const server = net.createServer({ pauseOnConnect: true, noDelay: true });
  const open: Transport[] = [];
  try {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') return false;
    return await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), TRIAL_TIMEOUT_MS);
      const finish = (isOk: boolean): void => {
        clearTimeout(timer);
        resolve(isOk);
      };
      transports.acceptFrom(server, (connection) => {
        const echo = new TrialSide((bytes) => accepted.write(Buffer.from(bytes)), finish);
        const accepted = transports.accepted(connection, echo);
        open.push(accepted);
      });
      const counting = new TrialSide((bytes) => counting.count(bytes), finish);
      const target = {
        address: { host: '127.0.0.1', port: address.port },
        timeoutMs: TRIAL_TIMEOUT_MS,
      };
      open.push(transports.connect(target, counting));
    });
  } finally {
    for (const transport of open) transport.destroy();
    server.close();
  }
}

/** One side of the trial: sends a pattern when it connects, and checks what comes back. */
class TrialSide implements ConnectHandler {
  readonly #onChunk: (bytes: Buffer) => void;
  readonly #finish: (isOk: boolean) => void;
  #received = 0;

  constructor(onChunk: (bytes: Buffer) => void, finish: (isOk: boolean) => void) {
    this.#onChunk = onChunk;
    this.#finish = finish;
  }

  onConnect(transport: Transport): void {
    const pattern = Buffer.alloc(TRIAL_BYTES);
    for (let i = 0; i < pattern.length; i++) pattern[i] = i % 251;
    transport.write(pattern);
  }

  onBytes(buffer: Buffer, length: number): void {
    this.#onChunk(buffer.subarray(0, length));
  }

  count(bytes: Buffer): void {
    for (const byte of bytes) {
      if (byte !== this.#received % 251) this.#finish(false);
      this.#received++;
    }
    if (this.#received === TRIAL_BYTES) this.#finish(true);
  }

  onDrain(): void {
    // Nothing waits for room here.
  }

  onEnd(): void {
    this.#finish(false);
  }

  onClose(): void {
    this.#finish(false);
  }
}
