import { encodeCommand, RespProtocolError, ValueDecoder } from '@undermoon/resp';

/** Credentials for the Redis server, where it wants any. */
export interface BackendCredentials {
  /** Null: the default user. */
  readonly username: string | null;
  readonly password: string;
}

/** What is said on a new backend connection before anything of a client: AUTH and HELLO, as needed. */
export class BackendGreeting {
  /** Empty when nothing needs to be said. */
  readonly bytes: Buffer;
  /** Why the server was given up, after `accept` returned false. */
  refusal = '';
  readonly #decoder = new ValueDecoder();
  #left: number;

  /** `more`: commands that follow. */
  constructor(
    protocol: 2 | 3,
    credentials: BackendCredentials | null,
    more: readonly (readonly string[])[] = [],
  ) {
    const commands: (readonly string[])[] = [];
    if (credentials !== null) {
      const { username, password } = credentials;
      commands.push(username === null ? ['AUTH', password] : ['AUTH', username, password]);
    }
    if (protocol === 3) commands.push(['HELLO', '3']);
    commands.push(...more);
    this.bytes = Buffer.concat(commands.map((command) => encodeCommand(command)));
    this.#left = commands.length;
  }

  get isDone(): boolean {
    return this.#left === 0;
  }

  /** Reads the server's answers. False when it refused or broke the protocol. */
  accept(bytes: Buffer): boolean {
    try {
      this.#decoder.push(bytes);
      for (let reply = this.#decoder.next(); reply !== undefined; reply = this.#decoder.next()) {
        if (reply.type === 'error') return this.#refuse(reply.value);
        if (this.#left === 0) return this.#refuse('more replies than requests');
        this.#left--;
      }
      return true;
    } catch (error) {
      if (error instanceof RespProtocolError) return this.#refuse(error.message);
      throw error;
    }
  }

  #refuse(reason: string): false {
    this.refusal = reason;
    return false;
  }
}
