import type { CoordinatorOptions } from '@undermoon/failover';
import type { SettingValues } from '@undermoon/settings';

import type { COORDINATOR_SETTINGS } from './settings.ts';

/** The options of the library for the settings of the command. */
export function coordinatorOptionsOf(
  values: SettingValues<typeof COORDINATOR_SETTINGS>,
): CoordinatorOptions {
  return {
    address: values.address,
    brokers: values.broker_address,
    ...(values.reporter_id === null ? {} : { reporterId: values.reporter_id }),
    proxyTimeoutMs: values.proxy_timeout * 1000,
    brokerTimeoutMs: values.broker_timeout,
    watchBroker: values.watch_broker,
    enableCompression: values.enable_compression,
    disableFailover: values.disable_failover,
    autoRecoverEpochs: values.auto_recover_epochs,
    tickMs: values.tick_interval,
    missesToReport: values.misses_to_report,
    redisDownMs: values.redis_down_time,
    copyGapMs: values.redis_copy_gap,
    massFailureRatio: values.mass_failure_percent / 100,
    massFailureMin: values.mass_failure_min,
  };
}
