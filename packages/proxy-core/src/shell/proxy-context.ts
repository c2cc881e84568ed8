import type { NodeAddress } from '@undermoon/cluster-meta';
import type { Clock, Logger } from '@undermoon/runtime';
import type { KeyPositions } from '../core/command-keys.ts';
import type { RoutingTable } from '../core/routing-table.ts';
import type { Session } from '../core/session.ts';
import type { ProxyOptions } from '../options.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { DataLoop } from './data-loop.ts';

/** Answers the commands that need the control side of the proxy: UMCTL, CLUSTER, CONFIG and INFO. */
export interface AdminDesk {
  /** Exactly one reply, in its place among the client's others. `args[0]` is the command's name. */
  answer(client: Client, args: readonly Buffer[]): void;
}

/** What the connections of one loop share. `table` and `groups` change together, between two chunks. */
export interface ProxyContext {
  readonly options: ProxyOptions;
  /** Where the proxy listens. */
  readonly address: NodeAddress;
  readonly loop: DataLoop;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Numbers that INFO shows, bumped on the data path: see `loop-counters.ts`. */
  readonly counters: Float64Array;
  /** Called once when a client is gone. */
  readonly forget: (client: Client) => void;
  readonly desk: AdminDesk;
  /** Where the keys of the command in hand are; reused. */
  readonly keys: KeyPositions;
  table: RoutingTable;
  /** Backend connections by the table's local node index. */
  groups: readonly BackendGroup[];
}

/** One client, as those who carry out its commands see it. */
export interface Client extends ReplySink {
  readonly context: ProxyContext;
  readonly session: Session;
  /** The client's "host:port"; empty when it is gone. */
  readonly peer: string;
  /** Whether input may be dispatched now. */
  readonly isAccepting: boolean;
  /** Replies that the client still waits for. */
  readonly owed: number;
  /** Monotonic milliseconds of the last bytes from the client. */
  readonly activeMs: number;
  /** Sends `bytes[start, end)`, `count` commands, to a backend. False: it is known to be unreachable. */
  forward(
    backend: BackendConnection,
    count: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean;
  /** Expects one more reply of a backend, which another sink asked for and will pass on. */
  owe(backend: BackendConnection): void;
  /** Answers a command without a backend. The bytes are kept until they are due. */
  reply(bytes: Buffer): void;
  /** Stops dispatching until every reply owed so far has left, then runs `action` and goes on. */
  whenQuiet(action: () => void): void;
  /** Delivers what is owed, then closes. Later input is ignored. */
  endAfterReplies(): void;
  /** Closes at once. */
  destroy(): void;
}
