export type {
  Chunk,
  ChunkPart,
  MetaStore,
  RolePosition,
  StoredCluster,
  StoredMigration,
  StoredMigrationMeta,
  StoredProxy,
} from '@undermoon/broker-api';
export { apply, APPLY_VERSION } from './core/apply.ts';
export type {
  ApplyContext,
  StoreCommand,
  StoreEvent,
  StoreOutcome,
  StoreRefusal,
  StoreStep,
} from './core/command.ts';
export { placementViolations, storeViolations, transitionViolations } from './core/invariants.ts';
export { emptyStore } from './core/model.ts';
export type { StoreState } from './core/model.ts';
export { clusterInfo, clusterView, proxyView } from './core/query.ts';
export { parseDump } from './core/restore.ts';
export type { LoadedDump } from './core/restore.ts';
export { BrokerError } from './errors.ts';
export type { BrokerFailureCode } from './errors.ts';
export type {
  CustomAnswer,
  CustomRequest,
  CustomRoute,
  CustomRouteBroker,
} from './custom-route.ts';
export type { AskToCancel, BrokerOptions, FetchEpoch, FetchReplica } from './options.ts';
export type { CancelAnswer } from './shell/ask-to-cancel.ts';
export type { PromotedNode } from './core/balance-plan.ts';
export type { ReplicaState } from './shell/fetch-replica.ts';
export { createBroker } from './shell/broker.ts';
export type { Broker } from './shell/broker.ts';
export type {
  KeptStep,
  MetaStorage,
  SharedStorage,
  StoreChange,
  Writer,
} from './shell/persistence/meta-storage.ts';
export type {
  EtcdStorageChoice,
  EtcdTlsChoice,
  FileStorageChoice,
  HttpStorageChoice,
  StorageChoice,
} from './storage-options.ts';
