import type { Chunk, ChunkPart, StoredCluster } from '@undermoon/broker-api';
import type { ListedReplica, ReplicaAddress } from '@undermoon/cluster-meta';
import { changesBetween } from './changes.ts';
import { bumpCluster } from './epoch.ts';
import { CHUNK_PARTS, halfOf, masterOf, otherHalf, type StoreState } from './model.ts';

/**
 * Which addresses clients find as replicas: for each half with masters, the proxy of the other half, unless that was
 * failed over. Clients keep one mode per address, so while it has masters itself it is found at its second address.
 */
export function listedReplicas(
  state: StoreState,
  { chunks }: Pick<StoredCluster, 'chunks'>,
): readonly ListedReplica[] {
  return chunks.flatMap((chunk) =>
    CHUNK_PARTS.flatMap((half) => {
      const holder = chunk.proxyAddresses[otherHalf(half)];
      if (!holdsMaster(chunk, half) || state.failedProxies.has(holder)) return [];
      const address = holdsMaster(chunk, otherHalf(half))
        ? (state.proxies.get(holder)?.replicaAddress ?? null)
        : holder;
      return address === null ? [] : [{ master: chunk.proxyAddresses[half], address }];
    }),
  );
}

/** The second addresses of a cluster's proxies, in chunk order. */
export function replicaAddressesOf(
  state: StoreState,
  { chunks }: Pick<StoredCluster, 'chunks'>,
): readonly ReplicaAddress[] {
  return chunks.flatMap(({ proxyAddresses }) =>
    proxyAddresses.flatMap((proxyAddress) => {
      const replicaAddress = state.proxies.get(proxyAddress)?.replicaAddress ?? null;
      return replicaAddress === null ? [] : [{ proxyAddress, replicaAddress }];
    }),
  );
}

/**
 * Gives clusters a new epoch whose lists are others than before though the clusters are the same: a member got
 * another second address, was failed over, or registered again.
 */
export function renewLists(before: StoreState, after: StoreState): StoreState {
  if (before.proxies === after.proxies && before.failedProxies === after.failedProxies) {
    return after;
  }
  let next = after;
  for (const address of changesBetween(before, after).proxies) {
    const name = after.proxies.get(address)?.cluster ?? null;
    const cluster = name === null ? undefined : next.clusters.get(name);
    if (cluster === undefined || before.clusters.get(cluster.name) !== cluster) continue;
    if (!hasSameLists(before, after, cluster)) next = bumpCluster(next, cluster);
  }
  return next;
}

function hasSameLists(before: StoreState, after: StoreState, cluster: StoredCluster): boolean {
  const addresses = replicaAddressesOf(after, cluster);
  const hadAddresses = replicaAddressesOf(before, cluster);
  // Nobody is told of replicas without these.
  if (addresses.length === 0 && hadAddresses.length === 0) return true;
  return (
    JSON.stringify(addresses) === JSON.stringify(hadAddresses) &&
    JSON.stringify(listedReplicas(before, cluster)) ===
      JSON.stringify(listedReplicas(after, cluster))
  );
}

function holdsMaster(chunk: Chunk, half: ChunkPart): boolean {
  return CHUNK_PARTS.some((part) => halfOf(masterOf(chunk.rolePosition, part)) === half);
}
