import { DEFAULT_CLUSTER_CONFIG } from '../cluster-config.ts';
import type { ClusterMeta } from '../cluster.ts';
import {
  clusterConfigToJson,
  parseClusterConfigJson,
  type ClusterConfigJson,
} from './cluster-config.ts';
import {
  jsonArrayOf,
  jsonOptional,
  parseClusterNameJson,
  parseEpochJson,
  parseJsonObject,
  type JsonOutcome,
} from './fields.ts';
import {
  listedReplicasToJson,
  parseListedReplicaJson,
  parseReplicaAddressJson,
  replicaAddressesToJson,
  type ListedReplicaJson,
  type ReplicaAddressJson,
} from './listed-replica.ts';
import { nodeToJson, parseNodeJson, type NodeJson } from './node.ts';

/** JSON form of `ClusterMeta`. */
export interface ClusterJson {
  readonly name: string;
  readonly epoch: number;
  readonly nodes: readonly NodeJson[];
  /** Left out when no proxy has such an address, as the next. */
  readonly replicas?: readonly ListedReplicaJson[];
  readonly replica_addresses?: readonly ReplicaAddressJson[];
  readonly config: ClusterConfigJson;
}

/** The JSON form of a cluster. */
export function clusterToJson(cluster: ClusterMeta): ClusterJson {
  return {
    name: cluster.name,
    epoch: cluster.epoch,
    nodes: cluster.nodes.map(nodeToJson),
    ...listedReplicasToJson(cluster.replicaAddresses.length === 0 ? null : cluster.replicas),
    ...replicaAddressesToJson(cluster.replicaAddresses),
    config: clusterConfigToJson(cluster.config),
  };
}

/** Reads a cluster; an absent `config` is the default one. Refuses with the path of the field. */
export function parseClusterJson(value: unknown, path = ''): JsonOutcome<ClusterMeta> {
  return parseJsonObject<ClusterMeta>(value, path, {
    name: ['name', parseClusterNameJson],
    epoch: ['epoch', parseEpochJson],
    nodes: ['nodes', jsonArrayOf(parseNodeJson)],
    replicas: ['replicas', jsonOptional(jsonArrayOf(parseListedReplicaJson), [])],
    replicaAddresses: ['replica_addresses', jsonOptional(jsonArrayOf(parseReplicaAddressJson), [])],
    config: ['config', jsonOptional(parseClusterConfigJson, DEFAULT_CLUSTER_CONFIG)],
  });
}
