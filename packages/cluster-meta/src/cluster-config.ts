/** Which values a cluster's proxies compress. */
export type CompressionStrategy = 'disabled' | 'set_get_only' | 'allow_all';

/** Settings of one cluster, carried with its metadata. */
export interface ClusterConfig {
  readonly compressionStrategy: CompressionStrategy;
  readonly migration: MigrationConfig;
  /**
   * Proxies take MGET, MSET, DEL, UNLINK, EXISTS and TOUCH over keys of several slots from cluster clients, too. Only
   * written when it is true, since undermoon 0.6.2 does not know it.
   */
  readonly splitCommands: boolean;
}

/** Pacing of the original's migration protocol. */
export interface MigrationConfig {
  /** Seconds. */
  readonly maxMigrationTime: number;
  /** Milliseconds. */
  readonly maxBlockingTime: number;
  /** Microseconds. */
  readonly scanInterval: number;
  /** Keys per SCAN page; at least 1. */
  readonly scanCount: number;
}

/** The configuration of a cluster that names none. */
export const DEFAULT_CLUSTER_CONFIG: ClusterConfig = {
  compressionStrategy: 'disabled',
  migration: {
    maxMigrationTime: 10_800,
    maxBlockingTime: 10_000,
    scanInterval: 500,
    scanCount: 16,
  },
  splitCommands: false,
};
