export { BROKER_STATUS, isBrokerErrorCode } from './codes.ts';
export type { BrokerErrorCode } from './codes.ts';
export {
  AUDIT_TEXT_LENGTH_MAX,
  auditEntrySchema,
  auditEntryToJson,
  auditPayloadSchema,
  auditQuerySchema,
  parseAuditEntry,
} from './payloads/audit.ts';
export type { AuditEntry, AuditPayload, AuditQuery } from './payloads/audit.ts';
export { openApiDocument } from './openapi/document.ts';
export { API_PREFIX, BROKER_ROUTES, PAGE_SIZE, routePath } from './routes.ts';
export type { BrokerMethod, BrokerRoute, BrokerRouteName } from './routes.ts';
export { brokerConfigSchema, brokerConfigToJson } from './payloads/broker-config.ts';
export type { BrokerConfig } from './payloads/broker-config.ts';
export {
  clusterInfoSchema,
  clusterInfoToJson,
  clusterPayloadToJson,
  clusterSchema,
  configChangesSchema,
  createClusterSchema,
  createClusterToJson,
} from './payloads/cluster.ts';
export type {
  ClusterInfo,
  ClusterPayload,
  ConfigChanges,
  CreateClusterRequest,
} from './payloads/cluster.ts';
export { epochPayloadSchema, epochRecoverySchema, epochRecoveryToJson } from './payloads/epoch.ts';
export type { EpochRecovery } from './payloads/epoch.ts';
export { errorBodySchema } from './payloads/error-body.ts';
export type { ErrorBody } from './payloads/error-body.ts';
export { addressesSchema, clusterNamesSchema, pageSchema } from './payloads/listing.ts';
export type { AddressesPayload, ClusterNamesPayload, Page } from './payloads/listing.ts';
export {
  DEFAULT_WEIGHT,
  META_STORE_VERSION,
  metaStoreSchema,
  metaStoreToJson,
  metaStoreVersionOf,
} from './payloads/meta-store.ts';
export type {
  Chunk,
  ChunkPart,
  MetaStore,
  RolePosition,
  StoredCluster,
  StoredMigration,
  StoredMigrationMeta,
  StoredProxy,
} from './payloads/meta-store.ts';
export {
  clusterMigrationsSchema,
  clusterMigrationsToJson,
  migrationTaskSchema,
} from './payloads/migration.ts';
export type { ClusterMigrations, MigrationStatus } from './payloads/migration.ts';
export { parsePayload } from './payloads/parse-payload.ts';
export type { PayloadOutcome, PayloadRefusal } from './payloads/parse-payload.ts';
export {
  addProxySchema,
  addProxyToJson,
  proxyPayloadToJson,
  proxySchema,
} from './payloads/proxy.ts';
export type { AddProxyRequest, ProxyPayload } from './payloads/proxy.ts';
export { watchChangesSchema, watchChangesToJson, watchQuerySchema } from './payloads/watch.ts';
export type { WatchChanges, WatchCursor, WatchQuery } from './payloads/watch.ts';
export {
  addNodesSchema,
  addNodesToJson,
  addNodesUpToSchema,
  addNodesUpToToJson,
  clusterPlanSchema,
  clusterPlanToJson,
  dryRunSchema,
  forceSchema,
  nodesSchema,
  nodesToJson,
} from './payloads/scale.ts';
export type { ClusterPlan, NodeNumberRequest } from './payloads/scale.ts';
export {
  clusterNameSchema,
  countSchema,
  epochSchema,
  nodeAddressSchema,
  weightSchema,
  zoneSchema,
} from './payloads/primitives.ts';
export { resourceCheckSchema, resourceCheckToJson } from './payloads/resource-check.ts';
export type { HostRisk, ResourceCheck } from './payloads/resource-check.ts';
