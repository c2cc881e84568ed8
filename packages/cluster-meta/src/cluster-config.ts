/** Which values a cluster's proxies compress. */
export type CompressionStrategy = 'disabled' | 'set_get_only' | 'allow_all';

/** Settings of one cluster, carried with its metadata. */
export interface ClusterConfig {
  readonly compressionStrategy: CompressionStrategy;
  readonly migration: MigrationConfig;
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
};
