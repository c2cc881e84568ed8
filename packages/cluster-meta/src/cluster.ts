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
  readonly config: ClusterConfig;
}

/** Another proxy of the cluster and the slots of all its masters. */
export interface PeerMeta {
  readonly proxyAddress: NodeAddress;
  readonly slots: readonly TaggedSlots[];
}

/**
 * What one proxy has to know. In a cluster, `epoch` is the cluster's; a free proxy has no cluster, no
 * peers, no config, two masters without slots, and the store's global epoch.
 */
export interface ProxyMeta {
  readonly address: NodeAddress;
  readonly clusterName: ClusterName | null;
  readonly epoch: Epoch;
  readonly nodes: readonly NodeMeta[];
  readonly peers: readonly PeerMeta[];
  readonly clusterConfig: ClusterConfig | null;
}
