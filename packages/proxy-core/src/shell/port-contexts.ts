import type { NodeAddress } from '@undermoon/cluster-meta';
import type { Compression } from '../core/compression.ts';
import { type SlotMarks, withHeld } from '../core/held-slots.ts';
import { replicaTableOf } from '../core/replica-slots.ts';
import { peerAddressesOf, plainTableOf, type RoutingTable } from '../core/routing-table.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { PortAddresses } from '../core/port-addresses.ts';
import type { ProxyContext, SessionMode, Spread } from './proxy-context.ts';

/** Groups of connections to these servers, in that order. */
type Retain = (addresses: readonly NodeAddress[]) => readonly BackendGroup[];

/**
 * What the connections of one loop share: by the kind of port, and apart for clients in READONLY mode and for other
 * proxies.
 */
export class PortContexts {
  readonly cluster: ProxyContext;
  readonly plain: ProxyContext;
  /** The other proxies of the newest table. */
  peers: ReadonlySet<NodeAddress> = new Set();
  readonly #replica: ProxyContext;
  /** Where the clients of the cluster port are not redirected, for other proxies: those are. */
  readonly #redirecting: ProxyContext;
  readonly #hasPlainClients: boolean;

  constructor(facts: Omit<ProxyContext, 'contextOf'>, hasPlainClients: boolean) {
    const contextOf = (session: SessionMode): ProxyContext => this.of(session);
    this.cluster = { ...facts, contextOf };
    this.#replica = { ...facts, contextOf };
    this.#redirecting = facts.isPlain ? { ...facts, contextOf, isPlain: false } : this.cluster;
    this.plain = { ...facts, contextOf, isPlain: true };
    this.plain.splitBy = this.plain;
    if (facts.isPlain) this.#splitByPlain(true);
    this.#hasPlainClients = hasPlainClients;
  }

  set addresses(addresses: PortAddresses) {
    for (const context of this.#all()) context.addresses = addresses;
  }

  /** For a client whose session is in this mode. */
  of({ port, isReadonly, isRedirected }: SessionMode): ProxyContext {
    if (port === 'plain') return this.plain;
    if (isRedirected && this.cluster.isPlain) return this.#redirecting;
    return isReadonly ? this.#replica : this.cluster;
  }

  /** Clients may go to other loops. */
  spreadBy(spread: Spread): void {
    for (const context of this.#all()) context.spread = spread;
  }

  set laneCount(count: number) {
    for (const context of this.#all()) context.laneCount = count;
  }

  set compression(compression: Compression | null) {
    for (const context of this.#all()) context.compression = compression;
  }

  /** Servers of another table; `retain` makes the connections to them. Returns all of them. */
  useTable(table: RoutingTable, retain: Retain): readonly NodeAddress[] {
    const { cluster, plain } = this;
    const isSplitting = cluster.isPlain || table.config.splitCommands;
    // Without a server of its own the proxy publishes over the others.
    const hasPeerServers = this.#hasPlainClients || isSplitting || table.localNodes.length === 0;
    const plainTable = hasPeerServers ? plainTableOf(table) : table;
    // Known before connections to them are made.
    this.peers = new Set(peerAddressesOf(table));
    const addresses = [...plainTable.localNodes, ...(table.replicas?.nodes ?? [])];
    const groups = retain(addresses);
    setServers(plain, plainTable, groups.slice(0, plainTable.localNodes.length));
    setServers(this.#redirecting, table, groups.slice(0, table.localNodes.length));
    const own = cluster.isPlain ? plainTable : table;
    setServers(cluster, own, groups.slice(0, own.localNodes.length));
    // Other proxies ask this port for what is here, so what is for all servers must not come back to them.
    cluster.servers = groups.slice(0, table.localNodes.length);
    const copies = groups.slice(plainTable.localNodes.length);
    setServers(this.#replica, replicaTableOf(table), [...cluster.groups, ...copies]);
    this.#splitByPlain(isSplitting);
    this.#replica.owners = table;
    this.#replica.servers = cluster.groups.length > 0 ? cluster.groups : copies;
    return addresses;
  }

  /** Sends commands for these slots nowhere; null: no slot is held. */
  routeBy(held: SlotMarks | null): void {
    // Contexts of one table share its slots, and the copy in which some are held.
    const copies = new Map<Int16Array, Int16Array>();
    for (const context of this.#all()) {
      const { slots } = context.table;
      const copy = held === null ? slots : (copies.get(slots) ?? withHeld(slots, held));
      copies.set(slots, copy);
      context.slots = copy;
    }
  }

  #splitByPlain(isOn: boolean): void {
    for (const context of this.#all()) {
      if (context !== this.plain) context.splitBy = isOn ? this.plain : null;
    }
  }

  #all(): readonly ProxyContext[] {
    return [this.cluster, this.#replica, this.#redirecting, this.plain];
  }
}

function setServers(
  context: ProxyContext,
  table: RoutingTable,
  groups: readonly BackendGroup[],
): void {
  context.table = table;
  context.owners = table;
  context.groups = groups;
  context.servers = groups;
}
