import type { BrokerOptions } from '@undermoon/broker-core';
import type { SettingValues } from '@undermoon/settings';

import type { BROKER_SETTINGS } from './settings.ts';
import { storageOptionsOf } from './storage-choice.ts';

type BrokerSettings = SettingValues<typeof BROKER_SETTINGS>;

/** The options of the library for the settings of the command. */
export function brokerOptionsOf(values: BrokerSettings): BrokerOptions {
  return {
    address: values.address,
    replicaAddresses: values.replica_addresses,
    syncMetaInterval: values.sync_meta_interval,
    ...storageOptionsOf(values),
    failureTtl: values.failure_ttl,
    failureQuorum: values.failure_quorum,
    enableOrderedProxy: values.enable_ordered_proxy,
    migrationLimit: values.migration_limit,
    hostMigrationLimit: values.host_migration_limit,
    compressionStrategy: values.compression_strategy,
    migrationMaxMigrationTime: values.migration_max_migration_time,
    migrationMaxBlockingTime: values.migration_max_blocking_time,
    migrationScanInterval: values.migration_scan_interval,
    migrationScanCount: values.migration_scan_count,
    ...(values.audit_file === null ? {} : { auditFile: values.audit_file }),
    auditFileBytesMax: values.audit_file_bytes,
    auditFilesMax: values.audit_files,
    requestTimeoutMs: values.request_timeout,
    shutdownDelayMs: values.shutdown_delay,
    connectionsMax: values.connections_max,
    watchersMax: values.watchers_max,
  };
}
