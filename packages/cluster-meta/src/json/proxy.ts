import type { PeerMeta, ProxyMeta } from '../cluster.ts';
import {
  clusterConfigToJson,
  parseClusterConfigJson,
  type ClusterConfigJson,
} from './cluster-config.ts';
import {
  jsonArrayOf,
  jsonOptional,
  parseAddressJson,
  parseEpochJson,
  parseJsonObject,
  parseNoClusterNameJson,
  type JsonOutcome,
} from './fields.ts';
import {
  listedReplicasToJson,
  parseListedReplicaJson,
  type ListedReplicaJson,
} from './listed-replica.ts';
import { nodeToJson, parseNodeJson, type NodeJson } from './node.ts';
import { parseTaggedSlotsJson, taggedSlotsToJson, type TaggedSlotsJson } from './tagged-slots.ts';

/** JSON form of `PeerMeta`. */
export interface PeerJson {
  readonly proxy_address: string;
  readonly slots: readonly TaggedSlotsJson[];
}

/** JSON form of `ProxyMeta`. */
export interface ProxyJson {
  readonly cluster_name: string | null;
  readonly address: string;
  /** Left out when there is none. */
  readonly replica_address?: string;
  readonly epoch: number;
  readonly nodes: readonly NodeJson[];
  readonly peers: readonly PeerJson[];
  /** Left out when they are not told. */
  readonly replicas?: readonly ListedReplicaJson[];
  readonly cluster_config: ClusterConfigJson | null;
}

/** The JSON form of a proxy's metadata. */
export function proxyToJson(proxy: ProxyMeta): ProxyJson {
  return {
    cluster_name: proxy.clusterName,
    address: proxy.address,
    ...(proxy.replicaAddress === null ? {} : { replica_address: proxy.replicaAddress }),
    epoch: proxy.epoch,
    nodes: proxy.nodes.map(nodeToJson),
    peers: proxy.peers.map(({ proxyAddress, slots }) => ({
      proxy_address: proxyAddress,
      slots: slots.map(taggedSlotsToJson),
    })),
    ...listedReplicasToJson(proxy.replicas),
    cluster_config: proxy.clusterConfig === null ? null : clusterConfigToJson(proxy.clusterConfig),
  };
}

/**
 * Reads a proxy's metadata. `cluster_name` and `cluster_config` may be null or absent. Refuses with the
 * path of the field.
 */
export function parseProxyJson(value: unknown, path = ''): JsonOutcome<ProxyMeta> {
  return parseJsonObject<ProxyMeta>(value, path, {
    address: ['address', parseAddressJson],
    replicaAddress: ['replica_address', jsonOptional(parseAddressJson, null)],
    clusterName: ['cluster_name', jsonOptional(parseNoClusterNameJson, null)],
    epoch: ['epoch', parseEpochJson],
    nodes: ['nodes', jsonArrayOf(parseNodeJson)],
    peers: ['peers', jsonArrayOf(parsePeer)],
    replicas: ['replicas', jsonOptional(jsonArrayOf(parseListedReplicaJson), null)],
    clusterConfig: ['cluster_config', jsonOptional(parseClusterConfigJson, null)],
  });
}

function parsePeer(value: unknown, path: string): JsonOutcome<PeerMeta> {
  return parseJsonObject<PeerMeta>(value, path, {
    proxyAddress: ['proxy_address', parseAddressJson],
    slots: ['slots', jsonArrayOf(parseTaggedSlotsJson)],
  });
}
