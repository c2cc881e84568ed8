import type {
  Chunk,
  ChunkPart,
  MetaStore,
  RolePosition,
  StoredCluster,
} from '@undermoon/broker-api';
import { EPOCH_ZERO, type ClusterName, type NodeAddress } from '@undermoon/cluster-meta';
import { withKeys } from './split-map.ts';

/**
 * The state of a broker. What is kept is what is dumped, so the types are those of the HTTP contract. A
 * state is never edited: operations return a new one that shares what did not change.
 */
export type StoreState = MetaStore;

/** Index of a node in its chunk. */
export type NodeIndex = 0 | 1 | 2 | 3;

export const NODES_PER_CHUNK = 4;
export const MASTERS_PER_CHUNK = 2;
export const PROXIES_PER_CHUNK = 2;
export const CHUNK_PARTS: readonly ChunkPart[] = [0, 1];
export const NODE_INDEXES: readonly NodeIndex[] = [0, 1, 2, 3];

/** Where a proxy stands in its cluster. */
export interface MemberPlace {
  readonly cluster: StoredCluster;
  readonly chunkIndex: number;
  readonly chunk: Chunk;
  /** The half of the chunk that the proxy is. */
  readonly half: ChunkPart;
}

/** The state before anything was registered. */
export function emptyStore(enableOrderedProxy: boolean): StoreState {
  return {
    globalEpoch: EPOCH_ZERO,
    clusters: new Map(),
    proxies: new Map(),
    failedProxies: new Set(),
    failures: new Map(),
    enableOrderedProxy,
  };
}

// Slots belong to parts; the role position says which node is the master of each.
const MASTERS: Readonly<Record<RolePosition, readonly [NodeIndex, NodeIndex]>> = {
  Normal: [0, 2],
  FirstChunkMaster: [0, 1],
  SecondChunkMaster: [3, 2],
};

/** The node that is master of a part. */
export function masterOf(position: RolePosition, part: ChunkPart): NodeIndex {
  return MASTERS[position][part];
}

/** The part that a node is master of, or null for a replica. */
export function partMasteredBy(position: RolePosition, node: NodeIndex): ChunkPart | null {
  return CHUNK_PARTS.find((part) => MASTERS[position][part] === node) ?? null;
}

/** The other node of a replication pair: 0-3 and 1-2. */
export function peerNodeOf(node: NodeIndex): NodeIndex {
  return PEER_NODES[node];
}

const PEER_NODES = [3, 2, 1, 0] as const;

/** The half of the chunk whose proxy a node is behind. */
export function halfOf(node: NodeIndex): ChunkPart {
  return node < 2 ? 0 : 1;
}

export function otherHalf(half: ChunkPart): ChunkPart {
  return half === 0 ? 1 : 0;
}

/** The position in which the given half holds no master. */
export function positionAwayFrom(half: ChunkPart): RolePosition {
  return half === 0 ? 'SecondChunkMaster' : 'FirstChunkMaster';
}

/** The pair with one entry replaced. */
export function withEntry<T>(pair: readonly [T, T], index: ChunkPart, value: T): readonly [T, T] {
  return index === 0 ? [value, pair[1]] : [pair[0], value];
}

/** The map with one entry set, or removed. */
export function withKey<K extends string, V>(
  map: ReadonlyMap<K, V>,
  key: K,
  value: V | null,
): ReadonlyMap<K, V> {
  return withKeys(map, [[key, value]]);
}

/** The state with one cluster stored, or removed. */
export function withCluster(
  state: StoreState,
  name: ClusterName,
  cluster: StoredCluster | null,
): StoreState {
  return { ...state, clusters: withKey(state.clusters, name, cluster) };
}

/** The state with these proxies belonging to `cluster`, or to none. */
export function withMembership(
  state: StoreState,
  addresses: Iterable<NodeAddress>,
  cluster: ClusterName | null,
): StoreState {
  const changed = [...addresses].flatMap((address) => {
    const proxy = state.proxies.get(address);
    return proxy === undefined ? [] : [[address, { ...proxy, cluster }] as const];
  });
  return { ...state, proxies: withKeys(state.proxies, changed) };
}

/** The cluster with one chunk replaced. */
export function withChunk(cluster: StoredCluster, index: number, chunk: Chunk): StoredCluster {
  return { ...cluster, chunks: cluster.chunks.with(index, chunk) };
}

/** Where a member is, or null when the proxy is unknown, free, or missing from the cluster it names. */
export function findMember(state: StoreState, address: NodeAddress): MemberPlace | null {
  const name = state.proxies.get(address)?.cluster ?? null;
  const cluster = name === null ? undefined : state.clusters.get(name);
  if (cluster === undefined) return null;
  for (const [chunkIndex, chunk] of cluster.chunks.entries()) {
    for (const half of CHUNK_PARTS) {
      if (chunk.proxyAddresses[half] === address) return { cluster, chunkIndex, chunk, half };
    }
  }
  return null;
}

/** Whether any migration of the cluster is under way. */
export function isMigrating(cluster: StoredCluster): boolean {
  return cluster.chunks.some((chunk) => chunk.migratingSlots.some((entries) => entries.length > 0));
}

/** Text order by code unit: the order of every listing and of every tie-break. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
