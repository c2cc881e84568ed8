import net from 'node:net';
import { hostOf, portOf, type NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand, RespProtocolError, ValueDecoder, type RespValue } from '@undermoon/resp';
import { accept, refuse, type CancelTimer, type Clock, type Outcome } from '@undermoon/runtime';

/** Why a control command got no reply. An error reply of the server is a reply. */
export type ControlFailure =
  | 'NOT_CONNECTED'
  | 'CONNECT_FAILED'
  | 'CONNECT_TIMEOUT'
  | 'COMMAND_TIMEOUT'
  | 'CONNECTION_LOST'
  | 'AUTH_REFUSED'
  | 'TOO_MANY_PENDING';

/** How to log in to the Redis servers. Without a user name it is the default user's password. */
export interface RedisCredentials {
  readonly username: string | null;
  readonly password: string;
}

export interface RedisControlClientOptions {
  readonly address: NodeAddress;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly credentials: RedisCredentials | null;
  /** Called once for each connection that was up and is no more, unless `destroy` ended it. */
  readonly onDown: () => void;
}

interface PendingCommand {
  readonly settle: (outcome: Outcome<RespValue, ControlFailure>) => void;
  readonly cancelTimeout: CancelTimer;
}

const PENDING_MAX = 64;

/**
 * One connection for commands that the proxy itself sends to a Redis server. Nothing is queued while it
 * is down and nothing is sent twice: after a failure the caller connects again and decides anew. A
 * command that is not answered in time closes the connection, since later replies could not be told apart.
 */
export class RedisControlClient {
  readonly #options: RedisControlClientOptions;
  #socket: net.Socket | null = null;
  #connecting: net.Socket | null = null;
  #decoder: ValueDecoder = new ValueDecoder();
  #pending: PendingCommand[] = [];
  #isDestroyed = false;

  constructor(options: RedisControlClientOptions) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#socket !== null;
  }

  /** Makes one attempt, with AUTH if there are credentials. One attempt at a time. */
  async connect(): Promise<Outcome<null, ControlFailure>> {
    if (this.#socket !== null) return accept(null);
    if (this.#isDestroyed) return refuse('NOT_CONNECTED', 'closed by the proxy');
    const opened = await this.#open();
    if (!opened.ok) return opened;
    const { credentials } = this.#options;
    if (credentials === null) return accept(null);
    const { username, password } = credentials;
    const reply = await this.request(
      username === null ? ['AUTH', password] : ['AUTH', username, password],
    );
    if (!reply.ok) return reply;
    if (reply.value.type !== 'error') return accept(null);
    this.#drop('AUTH_REFUSED', 'the server refused AUTH', false);
    return refuse('AUTH_REFUSED', reply.value.value);
  }

  /** Sends one command. Settles with the reply, or with the reason why there is none; never rejects. */
  request(words: readonly string[]): Promise<Outcome<RespValue, ControlFailure>> {
    const socket = this.#socket;
    const { clock, commandTimeoutMs } = this.#options;
    if (socket === null) return Promise.resolve(refuse('NOT_CONNECTED', 'not connected'));
    if (this.#pending.length >= PENDING_MAX) {
      return Promise.resolve(refuse('TOO_MANY_PENDING', `${PENDING_MAX} commands are unanswered`));
    }
    return new Promise((settle) => {
      const cancelTimeout = clock.after(commandTimeoutMs, () => {
        this.#drop('COMMAND_TIMEOUT', `no reply within ${commandTimeoutMs} ms`, true);
      });
      this.#pending.push({ settle, cancelTimeout });
      socket.write(encodeCommand(words));
    });
  }

  /** Closes the connection for good; unanswered commands fail. */
  destroy(): void {
    this.#isDestroyed = true;
    this.#connecting?.destroy();
    this.#drop('CONNECTION_LOST', 'closed by the proxy', false);
  }

  #open(): Promise<Outcome<null, ControlFailure>> {
    const { address, clock, connectTimeoutMs } = this.#options;
    return new Promise((settle) => {
      const socket = net.connect({ host: hostOf(address), port: portOf(address), noDelay: true });
      this.#connecting = socket;
      let lastError = 'the connection was closed';
      const cancelTimeout = clock.after(connectTimeoutMs, () => {
        settle(refuse('CONNECT_TIMEOUT', `no connection within ${connectTimeoutMs} ms`));
        socket.destroy();
      });
      socket.on('error', (error) => {
        lastError = error.message;
      });
      socket.on('close', () => {
        cancelTimeout();
        if (this.#connecting === socket) this.#connecting = null;
        // Settling a settled promise does nothing, so this is for attempts that failed.
        settle(refuse('CONNECT_FAILED', lastError));
        if (this.#socket === socket) this.#drop('CONNECTION_LOST', lastError, true);
      });
      socket.once('connect', () => {
        cancelTimeout();
        this.#connecting = null;
        this.#socket = socket;
        this.#decoder = new ValueDecoder();
        socket.on('data', (bytes) => this.#onData(bytes));
        settle(accept(null));
      });
    });
  }

  #onData(bytes: Uint8Array): void {
    try {
      this.#decoder.push(bytes);
      for (let reply = this.#decoder.next(); reply !== undefined; reply = this.#decoder.next()) {
        const command = this.#pending.shift();
        if (command === undefined) {
          this.#drop('CONNECTION_LOST', 'a reply came that nobody asked for', true);
          return;
        }
        command.cancelTimeout();
        command.settle(accept(reply));
      }
    } catch (error) {
      if (!(error instanceof RespProtocolError)) throw error;
      this.#drop('CONNECTION_LOST', error.message, true);
    }
  }

  #drop(code: ControlFailure, message: string, isReported: boolean): void {
    const socket = this.#socket;
    this.#socket = null;
    const pending = this.#pending;
    this.#pending = [];
    for (const command of pending) {
      command.cancelTimeout();
      command.settle(refuse(code, message));
    }
    socket?.destroy();
    if (socket !== null && isReported) this.#options.onDown();
  }
}
