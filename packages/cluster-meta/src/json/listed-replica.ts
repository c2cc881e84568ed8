import type { ListedReplica, ReplicaAddress } from '../cluster.ts';
import { parseAddressJson, parseJsonObject, type JsonOutcome } from './fields.ts';

/** JSON form of `ListedReplica`. */
export interface ListedReplicaJson {
  readonly master: string;
  readonly address: string;
}

/** JSON form of `ReplicaAddress`. */
export interface ReplicaAddressJson {
  readonly proxy_address: string;
  readonly replica_address: string;
}

/** The member `replicas` of a document; none when they are not told, as in documents of undermoon 0.6.2. */
export function listedReplicasToJson(replicas: readonly ListedReplica[] | null): {
  readonly replicas?: readonly ListedReplicaJson[];
} {
  if (replicas === null) return {};
  return { replicas: replicas.map(({ master, address }) => ({ master, address })) };
}

/** The member `replica_addresses` of a document; none when there are none. */
export function replicaAddressesToJson(addresses: readonly ReplicaAddress[]): {
  readonly replica_addresses?: readonly ReplicaAddressJson[];
} {
  if (addresses.length === 0) return {};
  return {
    replica_addresses: addresses.map(({ proxyAddress, replicaAddress }) => ({
      proxy_address: proxyAddress,
      replica_address: replicaAddress,
    })),
  };
}

/** Reads one replica. */
export function parseListedReplicaJson(value: unknown, path: string): JsonOutcome<ListedReplica> {
  return parseJsonObject<ListedReplica>(value, path, {
    master: ['master', parseAddressJson],
    address: ['address', parseAddressJson],
  });
}

/** Reads the second address of one proxy. */
export function parseReplicaAddressJson(value: unknown, path: string): JsonOutcome<ReplicaAddress> {
  return parseJsonObject<ReplicaAddress>(value, path, {
    proxyAddress: ['proxy_address', parseAddressJson],
    replicaAddress: ['replica_address', parseAddressJson],
  });
}
