import type { Epoch, NodeAddress, ReplEntry } from '@undermoon/cluster-meta';
import type { RespWriter } from '@undermoon/resp';
import type { Clock, Logger } from '@undermoon/runtime';
import type { ConfigSource } from '../core/config-table.ts';
import type { Fields, ProxyStats } from '../core/info.ts';
import type { RoutingTable } from '../core/routing-table.ts';
import type { ClusterReplies } from './cluster-replies.ts';
import type { RedisCredentials } from './redis-control-client.ts';
import type { ReplicationRunner } from './replication-runner.ts';
import type { SliceMeters } from '../core/slice-meters.ts';

export interface ProxyControlOptions {
  /** This proxy's identity: how clients and peers reach it. */
  readonly announceAddress: NodeAddress;
  /** How clients reach it as a replica; null: they do not. */
  readonly announceReplicaAddress: NodeAddress | null;
  /** Parameters of CONFIG besides the fixed ones. On equal names these win. */
  readonly config: ConfigSource;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Version of the package, shown by INFO. */
  readonly version: string;
  /** Called once, after the reply to UMCTL SHUTDOWN was written. */
  readonly onShutdown: () => void;
  readonly stats: () => ProxyStats;
  /** Sets the data plane's counters to zero for CONFIG RESETSTAT. */
  readonly resetStats: () => void;
  readonly replication?: Partial<ReplicationSettings>;
  /** Bytes of metadata commands that are under way at once. Default 64 MiB. */
  readonly metadataBytesMax?: number;
}

/** How the Redis servers beside the proxy are watched and told their roles. */
export interface ReplicationSettings {
  readonly checkIntervalMs: number;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** First pause after a failure; it doubles up to `checkIntervalMs`. */
  readonly retryMinMs: number;
  readonly credentials: RedisCredentials | null;
  /** Redis servers that one SETREPL, and masters that one SETCLUSTER, may name beside the proxy. */
  readonly localNodesMax: number;
}

/** What the command handlers share. */
export interface ControlState {
  readonly options: ProxyControlOptions;
  readonly config: ConfigSource;
  readonly localNodesMax: number;
  /** Bytes of metadata commands that are under way at once. */
  readonly metadataBytesMax: number;
  readonly meters: SliceMeters;
  readonly replication: ReplicationRunner;
  readonly clusterReplies: ClusterReplies;
  readonly nodeId: string;
  table: RoutingTable;
  replicationEpoch: Epoch;
  isShuttingDown: boolean;
  setTable(table: RoutingTable): void;
  setRoles(entries: readonly ReplEntry[]): void;
}

/** What a reply depends on besides the command. */
export interface ControlSession {
  readonly protocol: 2 | 3;
  /** The asker sees one Redis server, not a cluster. */
  readonly isPlain: boolean;
  /** The asker came to this proxy's address as a replica. */
  readonly isReplicaPort: boolean;
  /** What the servers said: about their keys, for INFO, or values of theirs, for CONFIG GET. */
  readonly fromServers: Fields;
}

/** One command and where its reply goes. */
export interface ControlCall {
  readonly args: readonly Uint8Array[];
  readonly session: ControlSession;
  readonly writer: RespWriter;
}
