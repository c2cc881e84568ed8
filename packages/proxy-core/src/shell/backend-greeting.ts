import type { NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand, RespProtocolError, type RespValue, ValueDecoder } from '@undermoon/resp';
import type { Logger } from '@undermoon/runtime';

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
  readonly #asksForRole: boolean;
  readonly #isLastOptional: boolean;

  /**
   * `last`: a command that follows; after ROLE only a master is accepted. `isLastOptional`: the server may answer it
   * with an error.
   */
  constructor(
    protocol: 2 | 3,
    credentials: BackendCredentials | null,
    last: readonly string[] | null = null,
    isLastOptional = false,
  ) {
    const commands: (readonly string[])[] = [];
    if (credentials !== null) {
      const { username, password } = credentials;
      commands.push(username === null ? ['AUTH', password] : ['AUTH', username, password]);
    }
    if (protocol === 3) commands.push(['HELLO', '3']);
    if (last !== null) commands.push(last);
    this.bytes = Buffer.concat(commands.map((command) => encodeCommand(command)));
    this.#left = commands.length;
    this.#asksForRole = last?.[0] === 'ROLE';
    this.#isLastOptional = isLastOptional;
  }

  get isDone(): boolean {
    return this.#left === 0;
  }

  /** Reads the server's answers. False when it refused or broke the protocol. */
  accept(bytes: Buffer): boolean {
    try {
      this.#decoder.push(bytes);
      for (let reply = this.#decoder.next(); reply !== undefined; reply = this.#decoder.next()) {
        if (reply.type === 'error' && !this.#isAllowed(reply.value)) {
          return this.#refuse(reply.value);
        }
        if (isReplica(reply)) return this.#refuse('it is a replica');
        if (this.#left === 0) return this.#refuse('more replies than requests');
        this.#left--;
      }
      return true;
    } catch (error) {
      if (error instanceof RespProtocolError) return this.#refuse(error.message);
      throw error;
    }
  }

  /** A user that may not ask for the role is not kept from the rest. */
  #isAllowed(error: string): boolean {
    if (this.#left !== 1) return false;
    return this.#isLastOptional || (this.#asksForRole && error.startsWith('NOPERM'));
  }

  #refuse(reason: string): false {
    this.refusal = reason;
    return false;
  }
}

/** Whom a connection greets, and how. */
export interface GreetingOptions {
  readonly address: NodeAddress;
  readonly protocol: 2 | 3;
  readonly credentials: BackendCredentials | null;
  /** See `BackendEndpoint`. */
  readonly request: readonly string[] | null;
  readonly logger: Logger;
}

/** The greetings of one connection and those that are made in its place later. */
export class GreetingExchange {
  readonly #options: GreetingOptions;
  #greeting: BackendGreeting | null = null;
  #isRefused = false;

  constructor(options: GreetingOptions) {
    this.#options = options;
  }

  /** What the server sends answers a greeting. */
  get isOn(): boolean {
    return this.#greeting !== null;
  }

  /** What to say on a new connection; null: nothing. */
  begin(): Buffer | null {
    const { protocol, credentials, request } = this.#options;
    const greeting = new BackendGreeting(protocol, credentials, request, request !== null);
    if (greeting.isDone) return null;
    this.#greeting = greeting;
    return greeting.bytes;
  }

  /** The connection is gone. */
  end(): void {
    this.#greeting = null;
  }

  /** Nothing of a client is sent before the server has accepted the greeting, which then is over. False: it does not. */
  accept(bytes: Buffer): boolean {
    const greeting = this.#greeting;
    if (greeting === null) return false;
    if (!greeting.accept(bytes)) {
      // Once, not at every attempt: requests come by the thousand.
      if (!this.#isRefused) warnRefused(this.#options, greeting.refusal);
      this.#isRefused = true;
      return false;
    }
    if (greeting.isDone) {
      this.#greeting = null;
      this.#isRefused = false;
    }
    return true;
  }
}

/** Says that a server does not accept the greeting. */
export function warnRefused(
  { address, logger }: { readonly address: NodeAddress; readonly logger: Logger },
  reason: string,
): void {
  logger.warn({ address, reason }, 'Redis server refuses the connection');
}

/** Whether this is a replica's answer to ROLE. */
function isReplica(reply: RespValue): boolean {
  const role = reply.type === 'array' ? reply.items[0] : undefined;
  return role?.type === 'bulk' && role.value.toString() === 'slave';
}
