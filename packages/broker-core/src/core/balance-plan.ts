import type { Chunk } from '@undermoon/broker-api';
import type { ClusterName, NodeAddress } from '@undermoon/cluster-meta';
import { halfOf, masterOf, type StoreState } from './model.ts';

/** A replica that becomes a master. */
export interface PromotedNode {
  readonly nodeAddress: NodeAddress;
  /** The proxy that it is behind. */
  readonly proxyAddress: NodeAddress;
}

/** The replica that balancing a chunk makes a master; null when the chunk is balanced, or has a half that is down. */
export function promotedByBalance(state: StoreState, chunk: Chunk): PromotedNode | null {
  const { rolePosition } = chunk;
  if (rolePosition === 'Normal') return null;
  const isSound = (address: NodeAddress): boolean =>
    !state.failedProxies.has(address) && !state.failures.has(address);
  if (!chunk.proxyAddresses.every(isSound)) return null;
  const node = masterOf('Normal', rolePosition === 'FirstChunkMaster' ? 1 : 0);
  return {
    nodeAddress: chunk.nodeAddresses[node],
    proxyAddress: chunk.proxyAddresses[halfOf(node)],
  };
}

/** All of a cluster's. */
export function promotedInCluster(state: StoreState, name: ClusterName): PromotedNode[] {
  const chunks = state.clusters.get(name)?.chunks ?? [];
  return chunks.flatMap((chunk) => promotedByBalance(state, chunk) ?? []);
}
