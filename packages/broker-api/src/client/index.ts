export { createBrokerClient } from './broker-client.ts';
export type { BrokerClient, WatchOptions } from './broker-calls.ts';
export type { ClusterChange } from './cluster-change.ts';
export type { MetaStore, StoredProxy } from '../payloads/meta-store.ts';
export { BrokerClientError } from './errors.ts';
export type { BrokerClientErrorCode, BrokerClientErrorDetail } from './errors.ts';
export type { BrokerClientOptions } from './options.ts';
