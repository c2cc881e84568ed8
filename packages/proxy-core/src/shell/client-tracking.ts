import type { RoutingTable } from '../core/routing-table.ts';
import type { TrackingOptions } from '../core/tracking-options.ts';
import type { BackendConnection } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { Lease, LeaseHolder } from './dedicated-pool.ts';

/** What a client that tracks keys has besides: connections of its own, so that each server knows what it has read. */
export interface ClientTracking {
  readonly options: TrackingOptions;
  /** CLIENT CACHING was said about the command in hand, or the next. */
  isCaching: boolean;
  /** The client that is to be told instead was gone when it should have been. */
  readonly isRedirectBroken: boolean;
  /** The connection for commands to a server; what CLIENT CACHING said about the command in hand is sent ahead. */
  connectionOf(group: BackendGroup): BackendConnection;
  /** Sends what CLIENT CACHING said about the command in hand ahead of it, over a connection of this client. */
  announceCaching(connection: BackendConnection): void;
  /** As `connectionOf`, for a command that needs a connection for itself, until `takeBack`. Null: there is none. */
  lend(group: BackendGroup, holder: LeaseHolder): Lease | null;
  /** `isBroken`: the connection is closed, and whatever its server does on it ends. */
  takeBack(holder: LeaseHolder, isBroken: boolean): void;
  /** Speaks another protocol from now on. Nothing may be owed. */
  speak(protocol: 2 | 3): void;
  /** What servers tell waits: a reply is being put together that they have sent before it. */
  hold(): void;
  /** The reply was given. */
  release(): void;
  /** The routing table is another one. `isLosing`: whether slots of one table are served elsewhere by the next. */
  onTableChange(isLosing: (from: RoutingTable, to: RoutingTable) => boolean): void;
  /** Called by the coarse timer. */
  onTick(): void;
  /** Closes the connections. Nothing may be owed, unless the client is gone. */
  end(): void;
}
