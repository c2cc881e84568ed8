export { DEFAULT_CLUSTER_CONFIG } from './cluster-config.ts';
export type { ClusterConfig, CompressionStrategy, MigrationConfig } from './cluster-config.ts';
export { applyConfigField, clusterConfigFields } from './cluster-config-fields.ts';
export type { ClusterConfigFieldName } from './cluster-config-fields.ts';
export { parseClusterName } from './cluster-name.ts';
export type { ClusterName } from './cluster-name.ts';
export type { ClusterMeta, ListedReplica, PeerMeta, ProxyMeta, ReplicaAddress } from './cluster.ts';
export { EPOCH_ZERO, nextEpoch, parseEpoch } from './epoch.ts';
export type { Epoch } from './epoch.ts';
export { clusterConfigToJson, parseClusterConfigJson } from './json/cluster-config.ts';
export type { ClusterConfigJson } from './json/cluster-config.ts';
export { clusterToJson, parseClusterJson } from './json/cluster.ts';
export type { ClusterJson } from './json/cluster.ts';
export type { JsonOutcome } from './json/fields.ts';
export type { ListedReplicaJson, ReplicaAddressJson } from './json/listed-replica.ts';
export { migrationTaskToJson, parseMigrationTaskJson } from './json/migration-task.ts';
export type { MigrationTaskJson } from './json/migration-task.ts';
export { nodeToJson, parseNodeJson } from './json/node.ts';
export type { NodeJson } from './json/node.ts';
export { parseProxyJson, proxyToJson } from './json/proxy.ts';
export type { PeerJson, ProxyJson } from './json/proxy.ts';
export { parseTaggedSlotsJson, taggedSlotsToJson } from './json/tagged-slots.ts';
export type { MigrationMetaJson, MigrationTagJson, TaggedSlotsJson } from './json/tagged-slots.ts';
export { NO_TAG } from './migration.ts';
export type { MigrationMeta, MigrationTag, MigrationTask, TaggedSlots } from './migration.ts';
export { hostOf, parseNodeAddress, portOf } from './node-address.ts';
export type { NodeAddress } from './node-address.ts';
export type { NodeMeta, ReplPeer, Role } from './node.ts';
export { finishSlices, SliceMeter } from './slices.ts';
export type { Slices } from './slices.ts';
export type { AddressSlots, ReplEntry, SetCluster, SetRepl } from './umctl/commands.ts';
export { DEFAULT_UMCTL_LIMITS } from './umctl/limits.ts';
export type { UmctlLimits } from './umctl/limits.ts';
export { PackedSlots, packSetCluster, unpackSetCluster } from './umctl/packed-slots.ts';
export type { PackedSetCluster } from './umctl/packed-slots.ts';
export { encodeMigrationTask, parseMigrationTask } from './umctl/migration-task.ts';
export { setClusterOf, setReplOf } from './umctl/of-proxy-meta.ts';
export type { CommandOptions } from './umctl/of-proxy-meta.ts';
export { inflateLater } from './umctl/compress.ts';
export {
  decodeInflated,
  decodeSetCluster,
  encodeSetCluster,
  parseSetCluster,
} from './umctl/set-cluster.ts';
export type { CompressedSetCluster, DecodedSetCluster } from './umctl/set-cluster.ts';
export { decodeSetRepl, encodeSetRepl, parseSetRepl } from './umctl/set-repl.ts';
export type { UmctlErrorCode } from './umctl/word-cursor.ts';
export { FrameWords, TextWords } from './umctl/word-list.ts';
export type { FrameLayout, WordList } from './umctl/word-list.ts';
