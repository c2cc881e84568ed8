import type { ClusterConfig } from './cluster-config.ts';
import type { ClusterName } from './cluster-name.ts';
import type { Epoch } from './epoch.ts';
import type { TaggedSlots } from './migration.ts';
import type { NodeAddress } from './node-address.ts';
import type { NodeMeta } from './node.ts';

/** A whole cluster, nodes in chunk order, four per chunk. */
export interface ClusterMeta {
  readonly name: ClusterName;
  readonly epoch: Epoch;
  readonly nodes: readonly NodeMeta[];
  /** Which addresses clients find as replicas. */
  readonly replicas: readonly ListedReplica[];
  /** Proxies that were registered with an address as a replica, in chunk order: those that are told `replicas`. */
  readonly replicaAddresses: readonly ReplicaAddress[];
  readonly config: ClusterConfig;
}

/** The second address of a proxy, by which clients reach it as a replica while it has masters too. */
export interface ReplicaAddress {
  readonly proxyAddress: NodeAddress;
  readonly replicaAddress: NodeAddress;
}

/** Another proxy of the cluster and the slots of all its masters. */
export interface PeerMeta {
  readonly proxyAddress: NodeAddress;
  readonly slots: readonly TaggedSlots[];
}

/** An address that clients find as a replica of a proxy. */
export interface ListedReplica {
  /** The proxy with the masters. */
  readonly master: NodeAddress;
  /** Of the proxy that holds the copies: a second address, or its only one while it has no masters. */
  readonly address: NodeAddress;
}

/**
 * What one proxy has to know. In a cluster, `epoch` is the cluster's; a free proxy has no cluster, no
 * peers, no config, two masters without slots, and the store's global epoch.
 */
export interface ProxyMeta {
  readonly address: NodeAddress;
  /** Null: it was registered without one. */
  readonly replicaAddress: NodeAddress | null;
  readonly clusterName: ClusterName | null;
  readonly epoch: Epoch;
  readonly nodes: readonly NodeMeta[];
  readonly peers: readonly PeerMeta[];
  /** All replicas of the cluster; null for proxies that were registered without an address as a replica. */
  readonly replicas: readonly ListedReplica[] | null;
  readonly clusterConfig: ClusterConfig | null;
}
