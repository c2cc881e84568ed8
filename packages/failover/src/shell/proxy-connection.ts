import type { NodeAddress } from '@undermoon/cluster-meta';
import { hostOf, portOf } from '@undermoon/cluster-meta';
import type { Clock } from '@undermoon/runtime';
import { Redis } from 'ioredis';
import { FailoverError } from '../errors.ts';
import { withDeadline } from './deadline.ts';

/** What a connection needs to know. */
export interface ProxyConnectionOptions {
  readonly address: NodeAddress;
  readonly clock: Clock;
  /** For connecting. */
  readonly timeoutMs: number;
  /** Called once, when nothing of the connection is left. */
  readonly onEnd: () => void;
}

/** One connection. It never reconnects, never queues while it is not open, and never sends a command twice. */
export class ProxyConnection {
  /** Settled when the attempt to connect has ended. Rejects with a `FailoverError`. */
  readonly opened: Promise<void>;
  readonly #options: ProxyConnectionOptions;
  readonly #redis: Redis;
  #pending = 0;
  #isRetired = false;
  #isOpen = false;
  #isEnded = false;
  #lastError: Error | null = null;

  constructor(options: ProxyConnectionOptions) {
    this.#options = options;
    this.#redis = new Redis({
      host: hostOf(options.address),
      port: portOf(options.address),
      lazyConnect: true,
      protocol: 2,
      disableClientInfo: true,
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      retryStrategy: null,
      stringNumbers: true,
      connectTimeout: options.timeoutMs,
    });
    this.#redis.on('error', (error: Error) => {
      this.#lastError = error;
    });
    this.#redis.on('end', () => this.#end());
    this.opened = this.#open();
    // Whoever waits for it is told; when nobody does, nothing is lost.
    this.opened.catch(() => undefined);
  }

  /**
   * Sends a command once the connection is open. Rejects with a `FailoverError`, or for an error reply with
   * the client's own error. The limit includes the wait for the connection.
   */
  async call(words: readonly [string, ...string[]], limitMs: number): Promise<unknown> {
    const { address, clock } = this.#options;
    this.#pending += 1;
    try {
      return await withDeadline(
        clock,
        limitMs,
        this.#send(words),
        () => new FailoverError('PROXY_TIMEOUT', `${address}: no reply within ${limitMs} ms`),
      );
    } finally {
      this.#pending -= 1;
      if (this.#isRetired && this.#pending === 0) this.destroy();
    }
  }

  /** Closes as soon as no command is under way. */
  closeWhenIdle(): void {
    this.#isRetired = true;
    // A connection that is not open yet holds nothing worth waiting for.
    if (this.#pending === 0 || !this.#isOpen) this.destroy();
  }

  /** Closes now. Commands under way fail. */
  destroy(): void {
    this.#redis.disconnect();
    this.#end();
  }

  async #send(words: readonly [string, ...string[]]): Promise<unknown> {
    await this.opened;
    try {
      const [command, ...rest] = words;
      return await this.#redis.call(command, ...rest);
    } catch (error) {
      throw isReplyError(error) ? error : this.#failure('PROXY_CONNECTION_LOST', error);
    }
  }

  async #open(): Promise<void> {
    try {
      await this.#redis.connect();
      this.#isOpen = true;
    } catch (error) {
      this.destroy();
      // Given up by whoever waited longest: for the others, too, it is a matter of time.
      const isTimeout = this.#isRetired || codeOf(this.#lastError) === 'ETIMEDOUT';
      throw this.#failure(isTimeout ? 'PROXY_TIMEOUT' : 'PROXY_UNREACHABLE', error);
    }
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#options.onEnd();
  }

  #failure(
    code: 'PROXY_CONNECTION_LOST' | 'PROXY_TIMEOUT' | 'PROXY_UNREACHABLE',
    error: unknown,
  ): FailoverError {
    const cause = this.#lastError ?? error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new FailoverError(code, `${this.#options.address}: ${reason}`, cause);
  }
}

/** The client exports its class for error replies without a type; the name is its documented mark. */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

function codeOf(error: Error | null): string {
  return error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
