import type { NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import { errorReply } from '../core/replies.ts';
import {
  BackendConnection,
  type BackendEndpoint,
  type BackendOptions,
  type ReplySink,
} from './backend-connection.ts';
import type { DataLoop } from './data-loop.ts';
import { ReplyText } from './reply-text.ts';
import { StallWatch } from './stall-watch.ts';

/** The answer to who would need one more connection than the pool may have. */
export const REPLY_NO_CONNECTION: Buffer = errorReply(
  'ERR max number of dedicated server connections reached',
);

const CLIENT_ID = encodeCommand(['CLIENT', 'ID']);

/** What the pool needs to open connections. */
export interface DedicatedPoolOptions extends Omit<
  BackendOptions,
  keyof BackendEndpoint | 'address' | 'protocol' | 'resendBytesMax' | 'isOwn'
> {
  readonly endpointOf: (address: NodeAddress) => BackendEndpoint;
  /** Connections at once, leased or idle. */
  readonly connectionsMax: number;
  /** How long an unused connection stays open. */
  readonly idleMs: number;
}

/** What holds a lease, and hears of what may concern it. */
export interface LeaseHolder {
  /** The server may take as long as it likes to answer. */
  readonly isBlocking: boolean;
  /** Milliseconds within which the server ends what it waits for by itself; null: perhaps never. */
  readonly timeoutMs?: number | null;
  /** The routing table is a new one. */
  onTableChange(): void;
  onTick(): void;
  /** The connection broke, and is no longer in the pool; those who wait for its replies are told next. */
  onLost?(lease: Lease): void;
}

/** A connection to a Redis server that one session has for itself. */
export interface Lease {
  readonly connection: BackendConnection;
  readonly address: NodeAddress;
  /** The protocol spoken on it. Whoever changes that says so here. */
  protocol: 2 | 3;
  readonly holder: LeaseHolder;
  /**
   * `take` gets the server's number of this connection once it is known. 0: it will not be, or somebody else waits
   * for it already.
   */
  whenNumbered(take: (serverId: number) => void): void;
  /** The connection broke. It is not opened again. */
  readonly isLost: boolean;
}

class PooledConnection implements Lease {
  readonly connection: BackendConnection;
  readonly address: NodeAddress;
  protocol: 2 | 3;
  holder: LeaseHolder;
  isLost = false;
  idleSinceMs = 0;
  /** Null: it is not known yet. */
  #serverId: number | null = null;
  #waiter: ((serverId: number) => void) | null = null;

  constructor(connection: BackendConnection, holder: LeaseHolder) {
    this.connection = connection;
    this.address = connection.options.address;
    this.protocol = connection.options.protocol;
    this.holder = holder;
  }

  whenNumbered(take: (serverId: number) => void): void {
    if (this.#serverId === null && this.#waiter === null) this.#waiter = take;
    else take(this.#serverId ?? 0);
  }

  setNumber(serverId: number): void {
    this.#serverId = serverId;
    this.#waiter?.(serverId);
    this.#waiter = null;
  }
}

/**
 * Connections for what cannot share one: blocking commands, and sessions that watch keys. A connection that
 * is given back in a clean state serves the next session.
 */
export class DedicatedPool {
  /** Leases refused because the limit was reached. */
  refusedCount = 0;
  readonly #loop: DataLoop;
  readonly #options: DedicatedPoolOptions;
  readonly #leased = new Map<Lease, PooledConnection>();
  /** The one given back last is at the end. */
  readonly #idle = new Set<PooledConnection>();
  readonly #controls = new Map<NodeAddress, BackendConnection>();
  readonly #stalls: StallWatch;
  #addresses: ReadonlySet<NodeAddress> = new Set();

  constructor(loop: DataLoop, options: DedicatedPoolOptions) {
    this.#loop = loop;
    this.#options = options;
    this.#stalls = new StallWatch({
      replyTimeout: options.replyTimeout,
      connectTimeoutMs: options.connectTimeoutMs,
      nowMs: () => loop.watchedMs,
      control: (address) => this.control(address),
      onSilent: (address) => this.#giveUp(address),
    });
  }

  get leasedCount(): number {
    return this.#leased.size;
  }

  get idleCount(): number {
    return this.#idle.size;
  }

  /** Commands that wait on their servers. */
  get blockedCount(): number {
    const blocked = new Set<LeaseHolder>();
    for (const { holder } of this.#leased.values()) if (holder.isBlocking) blocked.add(holder);
    return blocked.size;
  }

  /** A connection to a server, perhaps still connecting. Null: the limit is reached. */
  take(address: NodeAddress, protocol: 2 | 3, holder: LeaseHolder): Lease | null {
    const known = this.#newestIdle(address, protocol);
    if (known !== null) {
      this.#idle.delete(known);
      known.holder = holder;
      this.#leased.set(known, known);
      return known;
    }
    if (
      this.#leased.size + this.#idle.size >= this.#options.connectionsMax &&
      !this.#dropOldest()
    ) {
      this.refusedCount++;
      return null;
    }
    return this.#open(address, protocol, holder);
  }

  /** Takes back a connection without watched keys and without a transaction. */
  give(lease: Lease): void {
    const known = this.#leased.get(lease);
    if (known === undefined) return;
    this.#leased.delete(lease);
    known.idleSinceMs = this.#loop.nowMs;
    if (this.#addresses.has(known.address)) this.#idle.add(known);
    else known.connection.destroy();
  }

  /** Closes a connection, and with it whatever the server does for it. */
  drop(lease: Lease): void {
    this.#leased.delete(lease);
    lease.connection.destroy();
  }

  /** A connection for short commands about others, such as CLIENT UNBLOCK; not counted, one per server. */
  control(address: NodeAddress): BackendConnection {
    let connection = this.#controls.get(address);
    if (connection === undefined) {
      // Nothing waits for a server here: it may have been started anew, and then has other clients by these numbers.
      connection = this.#connection(address, 2, 0);
      this.#controls.set(address, connection);
    }
    return connection;
  }

  /** The table is a new one with these servers. */
  retain(addresses: readonly NodeAddress[]): void {
    this.#addresses = new Set(addresses);
    for (const known of this.#idle) {
      if (this.#addresses.has(known.address)) continue;
      this.#idle.delete(known);
      known.connection.destroy();
    }
    for (const { holder } of this.#leased.values()) holder.onTableChange();
  }

  #connection(address: NodeAddress, protocol: 2 | 3, waitMs: number): BackendConnection {
    const fixed = { ...this.#options, ...this.#options.endpointOf(address) };
    const options = { ...fixed, address, protocol, waitMs, resendBytesMax: 0, isOwn: true };
    return new BackendConnection(this.#loop, options);
  }

  /** Called by the coarse timer. */
  tick(): void {
    for (const known of this.#leased.values()) {
      known.connection.tick();
      checkDeadline(known);
      known.holder.onTick();
    }
    this.#stalls.tick(this.#waitedFor());
    for (const known of this.#idle) {
      known.connection.checkDeadline();
      if (this.#loop.nowMs - known.idleSinceMs < this.#options.idleMs) continue;
      this.#idle.delete(known);
      known.connection.destroy();
    }
    for (const [address, control] of this.#controls) {
      control.checkDeadline();
      if (this.#addresses.has(address) || control.pending > 0) continue;
      this.#controls.delete(address);
      control.destroy();
    }
  }

  destroy(): void {
    for (const known of [...this.#leased.values(), ...this.#idle]) known.connection.destroy();
    for (const control of this.#controls.values()) control.destroy();
    this.#leased.clear();
    this.#idle.clear();
    this.#controls.clear();
  }

  /** The servers on which commands wait. */
  #waitedFor(): ReadonlySet<NodeAddress> {
    const addresses = new Set<NodeAddress>();
    for (const known of this.#leased.values()) if (isWaiting(known)) addresses.add(known.address);
    return addresses;
  }

  #giveUp(address: NodeAddress): void {
    for (const known of this.#leased.values()) {
      if (known.address !== address || !isWaiting(known)) continue;
      known.connection.checkDeadline(Number.NEGATIVE_INFINITY);
    }
  }

  #newestIdle(address: NodeAddress, protocol: 2 | 3): PooledConnection | null {
    let newest: PooledConnection | null = null;
    for (const known of this.#idle) {
      if (known.address === address && known.protocol === protocol) newest = known;
    }
    return newest;
  }

  #dropOldest(): boolean {
    for (const known of this.#idle) {
      this.#idle.delete(known);
      known.connection.destroy();
      return true;
    }
    return false;
  }

  #open(address: NodeAddress, protocol: 2 | 3, holder: LeaseHolder): PooledConnection {
    const connection = this.#connection(address, protocol, this.#options.waitMs);
    const known = new PooledConnection(connection, holder);
    this.#leased.set(known, known);
    connection.onLost = () => {
      known.isLost = true;
      if (this.#leased.delete(known)) known.holder.onLost?.(known);
      this.#idle.delete(known);
      // Those who wait are told next; whoever then asks again gets another connection.
      connection.drain();
    };
    const sink: ReplySink = new ReplyText((text) => {
      known.setNumber(text?.startsWith(':') === true ? Number(text.slice(1)) : 0);
    });
    if (!connection.request(sink, 1, false, CLIENT_ID, 0, CLIENT_ID.length)) known.setNumber(0);
    return known;
  }
}

/** The server may take its time to answer. */
function isWaiting({ holder, connection }: PooledConnection): boolean {
  return holder.isBlocking && connection.state === 'ready';
}

function checkDeadline(known: PooledConnection): void {
  const { holder, connection } = known;
  const ownMs = isWaiting(known) ? (holder.timeoutMs ?? null) : 0;
  if (ownMs !== null) connection.checkDeadline(ownMs);
}
