import type { ProxyServerOptions } from '@undermoon/proxy-core';
import type { SettingValues } from '@undermoon/settings';

import type { PROXY_SETTINGS } from './settings.ts';

/** The options of the library for the settings of the command. */
export function proxyOptionsOf(values: SettingValues<typeof PROXY_SETTINGS>): ProxyServerOptions {
  const announced = values.announce_address;
  const largeCount = values.backend_conn_num_large;
  return {
    address: values.address,
    plainAddress: values.plain_address,
    replicaAddress: values.replica_address,
    announceReplicaAddress: values.announce_replica_address,
    activeRedirection: values.active_redirection,
    ...(announced === null ? {} : { announceAddress: announced }),
    defaultRedirectionAddress: values.default_redirection_address || null,
    password: values.password,
    sessionTimeoutMs: values.session_timeout,
    clientsMax: values.clients_max,
    outputBytesMax: values.output_bytes_max,
    outputPauseBytes: values.output_pause_bytes,
    outputWaitMs: values.output_wait_ms,
    outputSoftBytes: values.output_soft_bytes,
    outputSoftMs: values.output_soft_ms,
    unauthenticatedBytesMax: values.unauthenticated_bytes_max,
    backendPendingMax: values.backend_pending_max,
    backendQueuedBytesMax: values.backend_queued_bytes_max,
    redirectTimeoutMs: values.redirect_timeout_ms,
    redirectBytesMax: values.redirect_bytes_max,
    subscriptionsPerClientMax: values.subscriptions_per_client_max,
    subscriptionsMax: values.subscriptions_max,
    pubsubMessageBytesMax: values.pubsub_message_bytes_max,
    scriptCacheBytesMax: values.script_cache_bytes_max,
    scriptDigestsMax: values.script_digests_max,
    scriptLookupsMax: values.script_lookups_max,
    scriptLookupMs: values.script_lookup_ms,
    learnedCommandsMax: values.learned_commands_max,
    slotScanTimeoutMs: values.slot_scan_timeout_ms,
    slotScanBytesMax: values.slot_scan_bytes_max,
    slotScansMax: values.slot_scans_max,
    slowLog: {
      slowerThanUs: values.slowlog_log_slower_than,
      entriesMax: values.slowlog_len,
      sampleRate: values.slowlog_sample_rate,
    },
    latencyMonitorThresholdMs: values.latency_monitor_threshold,
    aclLogEntriesMax: values.acllog_max_len,
    queryBufferBytesMax: values.query_buffer_bytes_max,
    transactionBytesMax: values.transaction_bytes_max,
    transactionCommandsMax: values.transaction_commands_max,
    threads: values.thread_number,
    spreadClients: values.spread_clients,
    moderation: values.backend_batch_strategy !== 'disabled',
    backendConnNum: values.backend_conn_num,
    dedicatedConnectionsMax: values.dedicated_connections_max,
    dedicatedIdleMs: values.dedicated_idle_ms,
    ...(largeCount === null ? {} : { backendConnNumLarge: largeCount }),
    backendSocketPath: values.backend_socket_path,
    backendTimeoutMs: values.backend_timeout,
    backendConnectTimeoutMs: values.backend_connect_timeout,
    backendWaitMs: values.backend_wait_timeout,
    backendResendBytesMax: values.backend_resend_bytes_max,
    backendUsername: values.backend_username,
    backendPassword: values.backend_password,
  };
}
