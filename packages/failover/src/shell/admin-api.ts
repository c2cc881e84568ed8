import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { NodeAddress } from '@undermoon/cluster-meta';
import { hostOf, portOf } from '@undermoon/cluster-meta';
import { RequestScanner } from '@undermoon/resp';
import type { Clock, Logger } from '@undermoon/runtime';
import { FailoverError } from '../errors.ts';
import type { AdminContext, AdminSessionInfo } from './admin-commands.ts';
import { AdminSession } from './admin-session.ts';

/** Settings of the coordinator's own port. */
export interface AdminApiOptions {
  readonly address: NodeAddress;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly context: Omit<AdminContext, 'sessions'>;
  /** A connection that sends nothing for so long is closed. */
  readonly idleMs: number;
  readonly sessionsMax: number;
  readonly requestBytesMax: number;
  readonly outputBytesMax: number;
}

const REQUEST_WORDS_MAX = 1024;
const SWEEPS_PER_IDLE_TIME = 10;

/** The coordinator's RESP server. */
export class AdminApi {
  readonly #options: AdminApiOptions;
  readonly #context: AdminContext;
  readonly #server: Server;
  readonly #scanner: RequestScanner;
  readonly #sessions = new Map<Socket, AdminSession>();
  #nextId = 0;
  #cancelSweep: () => void = () => undefined;

  constructor(options: AdminApiOptions) {
    this.#options = options;
    this.#context = { ...options.context, sessions: () => this.sessions() };
    this.#scanner = new RequestScanner({
      bulkBytesMax: options.requestBytesMax,
      inlineBytesMax: options.requestBytesMax,
      arrayLengthMax: REQUEST_WORDS_MAX,
    });
    this.#server = createServer((socket) => this.#onSocket(socket));
    this.#server.maxConnections = options.sessionsMax;
  }

  /** Open connections. */
  sessions(): readonly AdminSessionInfo[] {
    return [...this.#sessions.values()].map((session) => session.info);
  }

  /** Starts to accept; resolves with the port in use. Rejects with LISTEN_FAILED. */
  listen(): Promise<number> {
    const { address, logger } = this.#options;
    return new Promise((resolve, reject) => {
      const onError = (error: Error): void => {
        reject(new FailoverError('LISTEN_FAILED', `address ${address}: ${error.message}`, error));
      };
      this.#server.once('error', onError);
      this.#server.once('close', () => {
        reject(new FailoverError('CLOSED', 'closed while the port was being opened'));
      });
      this.#server.listen({ host: hostOf(address), port: portOf(address) }, () => {
        this.#server.off('error', onError);
        // A connection that could not be accepted is that client's loss, nobody else's.
        this.#server.on('error', (error: Error) => logger.warn({ error }, 'accept failed'));
        this.#sweep();
        const bound = this.#server.address();
        resolve(bound !== null && typeof bound === 'object' ? bound.port : portOf(address));
      });
    });
  }

  /** Closes the port and all connections. Safe to call twice. */
  async close(): Promise<void> {
    this.#cancelSweep();
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const socket of this.#sessions.keys()) socket.destroy();
    await closed;
  }

  #onSocket(socket: Socket): void {
    const { clock, context: _context, ...limits } = this.#options;
    const session = new AdminSession({
      id: this.#nextId,
      socket,
      scanner: this.#scanner,
      context: this.#context,
      startedAt: clock.now(),
      requestBytesMax: limits.requestBytesMax,
      outputBytesMax: limits.outputBytesMax,
      now: () => clock.monotonicMs(),
    });
    this.#nextId += 1;
    this.#sessions.set(socket, session);
    socket.on('close', () => this.#sessions.delete(socket));
  }

  /** One coarse timer for all sessions. */
  #sweep(): void {
    const { clock, idleMs } = this.#options;
    const expired = clock.monotonicMs() - idleMs;
    for (const [socket, session] of this.#sessions) {
      if (session.activeAt <= expired) socket.destroy();
    }
    this.#cancelSweep = clock.after(idleMs / SWEEPS_PER_IDLE_TIME, () => this.#sweep());
  }
}
