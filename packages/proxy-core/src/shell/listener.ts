import net from 'node:net';
import { hostOf, type NodeAddress, parseNodeAddress, portOf } from '@undermoon/cluster-meta';
import { ProxyError } from '../errors.ts';
import {
  type AcceptedConnection,
  KEEP_ALIVE_DELAY_MS,
  LISTEN_BACKLOG,
  type TransportFactory,
} from './transport.ts';

/** When all clients of a proxy come back at once, more of their first requests share a write to the server. */
const ACCEPTS_PER_TURN = 4;

/** Listens on one address and hands over accepted connections, unread. */
export class Listener {
  readonly #server: net.Server;
  readonly #onAccepted: (connection: AcceptedConnection) => void;
  readonly #onError: (error: Error) => void;

  /** `onError` gets errors of accepting (such as too many open files); the listener goes on. */
  constructor(
    onAccepted: (connection: AcceptedConnection) => void,
    onError: (error: Error) => void,
  ) {
    this.#onAccepted = onAccepted;
    this.#onError = onError;
    this.#server = net.createServer({
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
      pauseOnConnect: true,
      allowHalfOpen: true,
    });
  }

  /** Resolves to the address listened on. Throws ProxyError CANNOT_LISTEN, or CLOSED if `close` came first. */
  async listen(address: NodeAddress, transports: TransportFactory): Promise<NodeAddress> {
    await new Promise<void>((resolve, reject) => {
      const onClosed = (): void => {
        reject(new ProxyError('CLOSED', 'the proxy was closed while it started'));
      };
      const onFailure = (error: NodeJS.ErrnoException): void => {
        this.#server.off('close', onClosed);
        const reason = error.code === 'EADDRINUSE' ? 'address already in use' : error.message;
        reject(
          new ProxyError('CANNOT_LISTEN', `cannot listen on ${address}: ${reason}`, {
            cause: error,
          }),
        );
      };
      this.#server.once('error', onFailure);
      this.#server.once('close', onClosed);
      this.#server.listen(
        { host: hostOf(address), port: portOf(address), backlog: LISTEN_BACKLOG },
        () => {
          this.#server.off('error', onFailure);
          this.#server.off('close', onClosed);
          this.#server.on('error', this.#onError);
          transports.acceptFrom(this.#server, this.#onAccepted);
          resolve(transports.acceptPerTurn(this.#server, ACCEPTS_PER_TURN));
        },
      );
    });
    const bound = this.#server.address();
    if (bound === null || typeof bound === 'string') return address;
    const host = address.slice(0, address.lastIndexOf(':'));
    return parseNodeAddress(`${host}:${bound.port}`) ?? address;
  }

  /** Stops accepting. Connections that were handed over are not touched. */
  close(): void {
    this.#server.close();
  }
}
