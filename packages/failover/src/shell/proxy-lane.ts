import { FailoverError } from '../errors.ts';
import { isReplyError } from './proxy-connection.ts';
import type { ProxyConnection } from './proxy-connection.ts';

/** The connection in use for one purpose, and those before it that still wait for replies. */
export class ProxyLane {
  readonly #create: (onEnd: () => void) => ProxyConnection;
  #current: ProxyConnection | null = null;
  readonly #all = new Set<ProxyConnection>();
  #isDestroyed = false;

  constructor(create: (onEnd: () => void) => ProxyConnection) {
    this.#create = create;
  }

  get size(): number {
    return this.#all.size;
  }

  /** The connection in use, or a new one. */
  acquire(): ProxyConnection {
    if (this.#isDestroyed) throw new FailoverError('CLOSED', 'this proxy is no longer watched');
    if (this.#current !== null) return this.#current;
    const connection = this.#create(() => {
      this.#all.delete(connection);
      if (this.#current === connection) this.#current = null;
    });
    this.#current = connection;
    this.#all.add(connection);
    return connection;
  }

  /** A connection that failed or timed out gets no new commands. An error reply is no failure. */
  retireAfter(connection: ProxyConnection, error: unknown): void {
    if (isReplyError(error)) return;
    if (this.#current === connection) this.#current = null;
    connection.closeWhenIdle();
  }

  /** The next command opens a new connection. */
  renew(): void {
    this.#current?.closeWhenIdle();
    this.#current = null;
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#current = null;
    for (const connection of this.#all) connection.destroy();
  }
}
