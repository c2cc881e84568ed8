import type { NodeAddress } from '@undermoon/cluster-meta';
import type { Logger } from '@undermoon/runtime';
import { BackendConnection, type BackendEndpoint } from './backend-connection.ts';
import type { DataLoop } from './data-loop.ts';
import type { ReplyTimeout } from './reply-timeout.ts';

/** What the pool needs to open connections. */
export interface BackendPoolOptions {
  readonly connectionsPerNode: number;
  readonly endpointOf: (address: NodeAddress) => BackendEndpoint;
  readonly connectTimeoutMs: number;
  readonly replyTimeout: ReplyTimeout;
  readonly retryDelayMs: number;
  readonly waitMs: number;
  readonly resendBytesMax: number;
  readonly readerWaitMs: number;
  readonly queuedBytesMax: number;
  readonly pendingMax: number;
  readonly counters: Float64Array;
  readonly logger: Logger;
}

/** The connections to one Redis server: so many per protocol version, opened on first use. */
export class BackendGroup {
  readonly address: NodeAddress;
  /** Digests of scripts that the server has for sure. */
  readonly scripts: Set<string> = new Set<string>();
  readonly #resp2: readonly BackendConnection[];
  readonly #resp3: readonly BackendConnection[];

  constructor(loop: DataLoop, address: NodeAddress, options: BackendPoolOptions) {
    this.address = address;
    const fixed = { ...options, ...options.endpointOf(address), address, isOwn: false };
    const open = (protocol: 2 | 3): BackendConnection[] =>
      Array.from({ length: options.connectionsPerNode }, () => {
        const connection = new BackendConnection(loop, { ...fixed, protocol });
        // The server may have been started anew.
        connection.onLost = () => this.scripts.clear();
        return connection;
      });
    this.#resp2 = open(2);
    this.#resp3 = open(3);
  }

  /** One of the connections of a protocol; `lane` is below `connectionsPerNode`. */
  connection(protocol: 2 | 3, lane: number): BackendConnection {
    const connection = (protocol === 2 ? this.#resp2 : this.#resp3)[lane];
    if (connection === undefined) throw new RangeError(`there is no connection ${lane}`);
    return connection;
  }

  /** All connections of both protocols. */
  connections(): readonly BackendConnection[] {
    return [...this.#resp2, ...this.#resp3];
  }
}

/** The backend connections of one loop, kept in step with the local nodes of the routing table. */
export class BackendPool {
  readonly #loop: DataLoop;
  readonly #options: BackendPoolOptions;
  #groups = new Map<NodeAddress, BackendGroup>();
  #draining = new Set<BackendConnection>();

  constructor(loop: DataLoop, options: BackendPoolOptions) {
    this.#loop = loop;
    this.#options = options;
  }

  /** Groups for `addresses`, in that order. Servers no longer named are drained and closed. */
  retain(addresses: readonly NodeAddress[]): readonly BackendGroup[] {
    const kept = new Map<NodeAddress, BackendGroup>();
    for (const address of addresses) {
      const known = kept.get(address) ?? this.#groups.get(address);
      kept.set(address, known ?? new BackendGroup(this.#loop, address, this.#options));
    }
    const dropped = [...this.#groups].filter(([address]) => !kept.has(address));
    this.#groups = kept;
    for (const [, group] of dropped) {
      for (const connection of group.connections()) {
        this.#draining.add(connection);
        connection.drain();
      }
    }
    return addresses.flatMap((address) => kept.get(address) ?? []);
  }

  /** Sends commands that wait for a connection where the new table says. */
  rerouteWaiting(): void {
    for (const group of this.#groups.values()) {
      for (const connection of group.connections()) connection.rerouteWaiting();
    }
    for (const connection of this.#draining) connection.rerouteWaiting();
  }

  /** Fails connections whose server does not answer, or is not there. Called by the coarse timer. */
  tick(): void {
    for (const group of this.#groups.values()) {
      for (const connection of group.connections()) {
        connection.tick();
        connection.checkDeadline();
      }
    }
    for (const connection of this.#draining) {
      connection.checkDeadline();
      if (connection.state === 'closed' || connection.pending === 0) {
        connection.destroy();
        this.#draining.delete(connection);
      }
    }
  }

  groups(): readonly BackendGroup[] {
    return [...this.#groups.values()];
  }

  destroy(): void {
    for (const group of this.#groups.values()) {
      for (const connection of group.connections()) connection.destroy();
    }
    for (const connection of this.#draining) connection.destroy();
    this.#groups.clear();
    this.#draining.clear();
  }
}
