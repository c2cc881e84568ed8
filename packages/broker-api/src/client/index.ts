export { createBrokerClient } from './broker-client.ts';
export type { BrokerClient, ClusterChange, WatchOptions } from './broker-client.ts';
export { BrokerClientError } from './errors.ts';
export type { BrokerClientErrorCode, BrokerClientErrorDetail } from './errors.ts';
export type { BrokerClientOptions } from './options.ts';
