import type { Clock, Logger } from '@undermoon/runtime';
import type { KeyPositions } from '../core/command-keys.ts';
import type { RoutingTable } from '../core/routing-table.ts';
import type { ProxyOptions } from '../options.ts';
import type { ProxyControl } from './admin.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { ClientConnection } from './client-connection.ts';
import type { DataLoop } from './data-loop.ts';

/** Numbers that INFO shows. Plain fields, bumped on the data path. */
export interface Counters {
  connectionsReceived: number;
  connectionsRejected: number;
  commandsProcessed: number;
  errorReplies: number;
  netInputBytes: number;
  netOutputBytes: number;
}

/** What the connections of one proxy share. `table` and `groups` change together, between two chunks. */
export interface ProxyContext {
  readonly options: ProxyOptions;
  readonly loop: DataLoop;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly clients: Map<number, ClientConnection>;
  readonly control: ProxyControl;
  /** Where the keys of the command in hand are; reused. */
  readonly keys: KeyPositions;
  table: RoutingTable;
  /** Backend connections by the table's local node index. */
  groups: readonly BackendGroup[];
}
