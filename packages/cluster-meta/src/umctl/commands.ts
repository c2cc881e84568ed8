import type { ClusterConfig } from '../cluster-config.ts';
import type { ListedReplica } from '../cluster.ts';
import type { ClusterName } from '../cluster-name.ts';
import type { Epoch } from '../epoch.ts';
import type { TaggedSlots } from '../migration.ts';
import type { NodeAddress } from '../node-address.ts';
import type { ReplPeer, Role } from '../node.ts';

/** The slots of one address: a local Redis, or another proxy. */
export interface AddressSlots {
  readonly address: NodeAddress;
  readonly slots: readonly TaggedSlots[];
}

/** `UMCTL SETCLUSTER v2`: the whole routing metadata of one proxy. */
export interface SetCluster {
  readonly epoch: Epoch;
  /** Accept even if the epoch is not higher than the proxy's. */
  readonly force: boolean;
  /** Null: the proxy is in no cluster. */
  readonly clusterName: ClusterName | null;
  /** Redis masters beside this proxy. */
  readonly local: readonly AddressSlots[];
  /** Other proxies. */
  readonly peers: readonly AddressSlots[];
  /** All addresses to list as replicas. Null: not told. */
  readonly replicas: readonly ListedReplica[] | null;
  readonly config: ClusterConfig;
  /** Which part of CONFIG was skipped or replaced by its default, or null. Set by the parser only. */
  readonly configWarning: string | null;
}

/** The wanted role of one Redis server beside this proxy. */
export interface ReplEntry {
  readonly role: Role;
  /** Null: a free node, a stand-alone master. */
  readonly clusterName: ClusterName | null;
  readonly nodeAddress: NodeAddress;
  readonly peers: readonly ReplPeer[];
}

/** `UMCTL SETREPL`: the wanted roles of all Redis servers beside this proxy. */
export interface SetRepl {
  readonly epoch: Epoch;
  readonly force: boolean;
  readonly entries: readonly ReplEntry[];
}
