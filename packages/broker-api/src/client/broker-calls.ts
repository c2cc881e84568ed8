import type {
  ClusterMeta,
  ClusterName,
  Epoch,
  MigrationTask,
  NodeAddress,
  NodeMeta,
  ProxyMeta,
} from '@undermoon/cluster-meta';
import type { BrokerConfig } from '../payloads/broker-config.ts';
import type { ClusterInfo, ConfigChanges } from '../payloads/cluster.ts';
import type { EpochRecovery } from '../payloads/epoch.ts';
import type { MetaStore } from '../payloads/meta-store.ts';
import type { ClusterMigrations } from '../payloads/migration.ts';
import type { AddProxyRequest } from '../payloads/proxy.ts';
import type { ResourceCheck } from '../payloads/resource-check.ts';
import type { ClusterPlan } from '../payloads/scale.ts';
import type { WatchChanges, WatchCursor } from '../payloads/watch.ts';
import type { ClusterChange } from './cluster-change.ts';

/**
 * Calls of the broker's HTTP API. All of them fail with `BrokerClientError` and nothing else, except that a
 * parameter which cannot be part of a path fails with `RangeError`.
 */
export interface BrokerClient {
  readonly brokers: readonly string[];
  /** Takes effect with the next request. Throws a `RangeError` for an entry that is not `host:port`. */
  setBrokers(brokers: readonly string[]): void;
  /** Closes all connections; requests under way fail. Safe to call twice. */
  close(): Promise<void>;

  version(): Promise<string>;
  /** Whether a broker answers its health check. Does not fail. */
  health(): Promise<boolean>;
  epoch(): Promise<Epoch>;
  /** The whole dump, as decoded JSON. */
  metadata(): Promise<unknown>;
  /** The same, read: all proxies, clusters and failures. */
  store(): Promise<MetaStore>;
  /** Replaces the broker's whole state. */
  restoreMetadata(dump: unknown): Promise<void>;
  setEpoch(epoch: Epoch): Promise<void>;
  recoverEpochs(): Promise<EpochRecovery>;
  config(): Promise<BrokerConfig>;
  setConfig(config: BrokerConfig): Promise<void>;

  /** Gathers all pages; fails when one of them does. */
  clusterNames(): Promise<ClusterName[]>;
  cluster(name: ClusterName): Promise<ClusterMeta | null>;
  clusterInfo(name: ClusterName): Promise<ClusterInfo>;
  createCluster(name: ClusterName, nodeNumber: number): Promise<void>;
  deleteCluster(name: ClusterName): Promise<void>;
  changeClusterConfig(name: ClusterName, changes: ConfigChanges): Promise<void>;
  balanceCluster(name: ClusterName): Promise<void>;
  /** Adds nodes without slots and returns them. Not safe to repeat. */
  addNodes(name: ClusterName, nodeNumber: number): Promise<readonly NodeMeta[]>;
  /** Adds nodes without slots until there are `nodeNumber`, and returns the added ones. */
  addNodesUpTo(name: ClusterName, nodeNumber: number): Promise<readonly NodeMeta[]>;
  /** Takes the nodes without slots out of the cluster. */
  deleteFreeNodes(name: ClusterName): Promise<void>;
  /** Plans migrations that give slots to the nodes without any. */
  expandCluster(name: ClusterName): Promise<void>;
  /** Plans migrations that leave all slots to the first `nodeNumber` nodes. */
  shrinkCluster(name: ClusterName, nodeNumber: number): Promise<void>;
  /**
   * Does all of it: adds the nodes that the cluster lacks, waits until their proxies know it, and plans their
   * migrations; or plans those that empty the nodes that are too many. Takes up to 35 seconds more than
   * other calls. PROXY_NOT_SYNC means to repeat it.
   */
  scaleCluster(name: ClusterName, nodeNumber: number): Promise<void>;
  /** Plans migrations after which all nodes have their share of the slots. */
  rebalanceCluster(name: ClusterName): Promise<void>;
  /**
   * What a change would do. Fails with ROUTE_NOT_FOUND, and changes nothing, at a broker that has no previews: one
   * of version 0.6.2 would take the request for the change itself.
   */
  previewChange(change: ClusterChange): Promise<ClusterPlan>;
  /** All planned migrations, and which of them run. */
  migrations(name: ClusterName): Promise<ClusterMigrations>;
  /** Finishes the migrations that run and starts no others. */
  pauseMigrations(name: ClusterName): Promise<void>;
  resumeMigrations(name: ClusterName): Promise<void>;
  /**
   * Drops the migrations that do not run yet, and those that run whose source promises not to hand the slots over.
   * Fails with MIGRATION_RUNNING when there are none of these.
   */
  cancelMigrations(name: ClusterName): Promise<void>;
  /** A task that is already committed fails with MIGRATION_TASK_NOT_FOUND. */
  commitMigration(task: MigrationTask): Promise<void>;

  /** Gathers all pages; fails when one of them does. */
  proxyAddresses(): Promise<NodeAddress[]>;
  proxy(address: NodeAddress): Promise<ProxyMeta | null>;
  /** A proxy that is known already fails with ALREADY_EXISTED, after its failure marks were cleared. */
  addProxy(request: AddProxyRequest): Promise<void>;
  removeProxy(address: NodeAddress): Promise<void>;
  failedProxies(): Promise<NodeAddress[]>;
  /** Proxies with enough reporters. */
  failures(): Promise<NodeAddress[]>;
  reportFailure(address: NodeAddress, reporterId: string): Promise<void>;
  /** Takes such a report back. Brokers without this route fail with ROUTE_NOT_FOUND or METHOD_NOT_ALLOWED. */
  withdrawReport(address: NodeAddress, reporterId: string): Promise<void>;
  /** Which hosts must not fail now. */
  checkResources(): Promise<ResourceCheck>;
  /** The metadata of the proxy that took the place of `address`, or null. */
  failover(address: NodeAddress): Promise<ProxyMeta | null>;

  /**
   * Waits until something changed after `since`, for at most `waitMs` (default 10,000; 0: not at all). Null
   * as `since` is answered at once and gives a first cursor. An aborted `signal` fails the call with
   * BROKER_UNREACHABLE. Brokers without this route fail with ROUTE_NOT_FOUND or METHOD_NOT_ALLOWED.
   */
  watch(since: WatchCursor | null, options?: WatchOptions): Promise<WatchChanges>;
}

/** How to wait in `BrokerClient.watch`. */
export interface WatchOptions {
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}
