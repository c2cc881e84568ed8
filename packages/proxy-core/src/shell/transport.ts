import type net from 'node:net';
import type { Slab } from './slab.ts';

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
  /** So many of the last bytes that were given to `write`, perhaps more, never reached the kernel. */
  readonly unsentBytes: number;
  /** The other end as "host:port", an IPv6 host in brackets; empty when it is gone or has no address. */
  readonly peer: string;
  /**
   * True: the kernel took everything, the memory may be reused. False: the memory belongs to the socket, and
   * `slab`, if the bytes are its, goes back to the arena when they have left.
   */
  write(bytes: Uint8Array, slab?: Slab | null): boolean;
  pause(): void;
  resume(): void;
  /**
   * Sends what is queued, then closes. Closing at once while the peer still sends would make its kernel drop
   * what it has not read, so the peer gets a moment to close first.
   */
  end(): void;
  /**
   * Gives the connection away, to be taken over by `accepted` of another loop's factory: it is no longer read and
   * the handler hears nothing more. Null: something waits to be written, the peer has ended, or this kind of
   * transport cannot do it.
   */
  detach(): AcceptedConnection | null;
  /** Closes at once. The handler hears nothing more: a late event would be taken for the next socket's. */
  destroy(): void;
}

/**
 * How sockets are used: by their handle, which allocates nothing per read and write; as streams that read
 * into one shared buffer; or as streams with data events, which are public API in every part.
 */
export type SocketKind = 'raw-handle' | 'shared-buffer' | 'data-events';

/** A connection that was accepted and is not read from yet. What it is, is its factory's business. */
export type AcceptedConnection = object;

/** Makes the sockets of one loop. */
export interface TransportFactory {
  readonly kind: SocketKind;
  /**
   * Gives what a server accepts to `onAccepted`, from now on until it is closed. The server listens already, and
   * was created with `pauseOnConnect`.
   */
  acceptFrom(server: net.Server, onAccepted: (connection: AcceptedConnection) => void): void;
  /**
   * After `acceptFrom`: accepts up to `count` connections in a turn of the event loop, where the runtime alone
   * accepts one. Resolved when that is so, or turned out to be impossible.
   */
  acceptPerTurn(server: net.Server, count: number): Promise<void>;
  /** Takes over such a connection and begins to read. */
  accepted(connection: AcceptedConnection, handler: TransportHandler): Transport;
  /** Connects; the handler's `onConnect` is called if that succeeds, its `onClose` otherwise. */
  connect(target: ConnectTarget, handler: ConnectHandler): Transport;
}

/** Where to connect to: an address, or the path of a Unix socket. */
export interface ConnectTarget {
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly timeoutMs: number;
}

/** Of a connection that nobody is served on: what it sends is dropped. */
export const DEAF_HANDLER: TransportHandler = {
  onBytes: () => undefined,
  onDrain: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
};

/** How many connections that nobody has accepted yet the kernel keeps. */
export const LISTEN_BACKLOG = 1024;

/** As Redis does by default: a client whose machine vanished is noticed, however idle it was. */
export const KEEP_ALIVE_DELAY_MS = 300_000;

/** How long a peer has to close its side after `Transport.end`. */
export const LINGER_MS = 1000;

/** What Redis writes for the address of a peer that has gone, so that no client is found by an empty one. */
export const UNKNOWN_PEER = '?:0';

/** An address as Redis writes it. */
export function peerText(host: string | undefined, port: number | undefined): string {
  if (host === undefined || port === undefined) return UNKNOWN_PEER;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
