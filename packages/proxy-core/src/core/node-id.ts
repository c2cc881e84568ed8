import type { NodeAddress } from '@undermoon/cluster-meta';

/** SHA-1 of a UTF-8 text in lower-case hexadecimal; passed in, as core code imports no crypto. */
export type Sha1Hex = (text: string) => string;

/**
 * The id of a proxy as clients of the Redis Cluster protocol see it: 40 hexadecimal characters that
 * depend on nothing but the announced address, so every proxy names it alike, before and after a restart.
 */
export function nodeIdOf(address: NodeAddress, sha1Hex: Sha1Hex): string {
  return sha1Hex(address);
}

/** The id of the shard that a proxy leads; never equal to a node id. */
export function shardIdOf(address: NodeAddress, sha1Hex: Sha1Hex): string {
  return sha1Hex(`shard ${address}`);
}
