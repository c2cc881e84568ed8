import type {
  Chunk,
  ClusterInfo,
  ClusterMigrations,
  Page,
  StoredCluster,
  StoredMigration,
} from '@undermoon/broker-api';
import type {
  ClusterMeta,
  MigrationMeta,
  NodeAddress,
  NodeMeta,
  PeerMeta,
  ProxyMeta,
  TaggedSlots,
} from '@undermoon/cluster-meta';
import { unionRanges } from '@undermoon/slots';
import {
  CHUNK_PARTS,
  halfOf,
  isMigrating,
  masterOf,
  NODE_INDEXES,
  NODES_PER_CHUNK,
  partMasteredBy,
  peerNodeOf,
  withEntry,
  type NodeIndex,
  type StoreState,
} from './model.ts';
import { listedReplicas, replicaAddressesOf } from './replica-list.ts';

/** One page of a sorted listing. */
export function pageOf<T extends string>(names: Iterable<T>, page: Page): T[] {
  const sorted = [...names].toSorted();
  return page.limit === null
    ? sorted.slice(page.offset)
    : sorted.slice(page.offset, page.offset + page.limit);
}

/** The cluster as clients of the API see it, with at most `migrationLimit` migrations (0: all). */
export function clusterView(
  state: StoreState,
  cluster: StoredCluster,
  migrationLimit: number,
): ClusterMeta {
  const { name, epoch, config, chunks } = limitMigrations(cluster, migrationLimit);
  const nodes = chunks.flatMap((chunk) =>
    NODE_INDEXES.map((node) => nodeView(chunks, chunk, node)),
  );
  const replicas = listedReplicas(state, cluster);
  return {
    name,
    epoch,
    nodes,
    replicas,
    replicaAddresses: replicaAddressesOf(state, cluster),
    config,
  };
}

/** A summary of the cluster, on the limited view. */
export function clusterInfo(cluster: StoredCluster, migrationLimit: number): ClusterInfo {
  const limited = limitMigrations(cluster, migrationLimit);
  const halvesWithSlots = limited.chunks.flatMap((chunk) =>
    chunk.stableSlots.filter((ranges) => ranges !== null),
  );
  return {
    name: cluster.name,
    nodeNumber: cluster.chunks.length * NODES_PER_CHUNK,
    nodeNumberWithSlots: halvesWithSlots.length * 2,
    isMigrating: isMigrating(cluster),
  };
}

/** What a member of the cluster has to know. */
export function memberView(cluster: ClusterMeta, address: NodeAddress): ProxyMeta {
  const peers = new Map<NodeAddress, TaggedSlots[]>();
  for (const node of cluster.nodes) {
    if (node.role !== 'master' || node.proxyAddress === address) continue;
    const slots = peers.get(node.proxyAddress);
    if (slots === undefined) peers.set(node.proxyAddress, [...node.slots]);
    else slots.push(...node.slots);
  }
  const replicaAddress =
    cluster.replicaAddresses.find(({ proxyAddress }) => proxyAddress === address)?.replicaAddress ??
    null;
  return {
    address,
    replicaAddress,
    clusterName: cluster.name,
    epoch: cluster.epoch,
    nodes: cluster.nodes.filter((node) => node.proxyAddress === address),
    peers: [...peers].map(([proxyAddress, slots]): PeerMeta => ({ proxyAddress, slots })),
    // Others may be of a version that refuses what it does not know.
    replicas: replicaAddress === null ? null : cluster.replicas,
    clusterConfig: cluster.config,
  };
}

/** What a free proxy has to know: two stand-alone masters, at the global epoch. */
export function freeProxyView(state: StoreState, address: NodeAddress): ProxyMeta | null {
  const proxy = state.proxies.get(address);
  if (proxy === undefined) return null;
  const nodes = proxy.nodeAddresses.map((node): NodeMeta => ({
    address: node,
    proxyAddress: address,
    slots: [],
    role: 'master',
    peers: [],
  }));
  return {
    address,
    replicaAddress: proxy.replicaAddress,
    clusterName: null,
    epoch: state.globalEpoch,
    nodes,
    peers: [],
    replicas: null,
    clusterConfig: null,
  };
}

/** The cluster that a proxy is presented as a member of; null for a free one. */
export function clusterOf(state: StoreState, address: NodeAddress): StoredCluster | null {
  const name = state.proxies.get(address)?.cluster ?? null;
  return name === null ? null : (state.clusters.get(name) ?? null);
}

/** What any proxy has to know; null for an unknown one. */
export function proxyView(
  state: StoreState,
  address: NodeAddress,
  migrationLimit: number,
): ProxyMeta | null {
  const cluster = clusterOf(state, address);
  return cluster === null
    ? freeProxyView(state, address)
    : memberView(clusterView(state, cluster, migrationLimit), address);
}

/**
 * Hides migrations that are held, and those past the limit. In chunk, part and stored order, a migration is shown while fewer than
 * `limit` are (0: any number) and its source part has none yet; a hidden one looks as if it had not been planned.
 */
export function limitMigrations(cluster: StoredCluster, limit: number): StoredCluster {
  if (!isMigrating(cluster)) return cluster;
  const shown = shownMigrations(cluster.chunks, limit);
  const isShown = (entry: StoredMigration): boolean => shown.has(taskKey(entry));
  const chunks = cluster.chunks.map((chunk): Chunk => {
    let limited = chunk;
    for (const part of CHUNK_PARTS) {
      const entries = chunk.migratingSlots[part];
      const hidden = entries.filter((entry) => entry.isMigrating && !isShown(entry));
      const migrating = withEntry(limited.migratingSlots, part, entries.filter(isShown));
      limited = { ...limited, migratingSlots: migrating };
      if (hidden.length === 0) continue;
      const stable = hidden.reduce(
        (ranges, entry) => unionRanges(ranges, entry.ranges),
        chunk.stableSlots[part] ?? [],
      );
      limited = { ...limited, stableSlots: withEntry(limited.stableSlots, part, stable) };
    }
    return limited;
  });
  return { ...cluster, chunks };
}

/** The keys of the migrations that proxies are told about. */
export function shownMigrations(chunks: readonly Chunk[], limit: number): ReadonlySet<string> {
  const shown = new Set<string>();
  for (const chunk of chunks) {
    for (const part of CHUNK_PARTS) {
      if (limit > 0 && shown.size >= limit) return shown;
      const ready = chunk.migratingSlots[part].filter(
        (entry) => entry.isMigrating && !entry.isHeld,
      );
      for (const entry of limit === 0 ? ready : ready.slice(0, 1)) shown.add(taskKey(entry));
    }
  }
  return shown;
}

/** Tells the migrations of one cluster apart; both copies of a task have the same key. */
export function taskKey({ ranges, meta }: StoredMigration): string {
  const ends = [meta.srcChunkIndex, meta.srcChunkPart, meta.dstChunkIndex, meta.dstChunkPart];
  return `${meta.epoch} ${ends.join('.')} ${ranges.join(' ')}`;
}

/** All planned migrations of a cluster, and which of them run under the limit. */
export function clusterMigrations(cluster: StoredCluster, limit: number): ClusterMigrations {
  const shown = shownMigrations(cluster.chunks, limit);
  const migrations = cluster.chunks.flatMap((chunk) =>
    chunk.migratingSlots.flatMap((entries) =>
      entries
        .filter((entry) => entry.isMigrating)
        .map((entry) => ({
          task: { clusterName: cluster.name, slots: taggedSlots(cluster.chunks, entry) },
          isRunning: shown.has(taskKey(entry)),
        })),
    ),
  );
  return { clusterName: cluster.name, isPaused: cluster.isPaused, migrations };
}

function nodeView(chunks: readonly Chunk[], chunk: Chunk, node: NodeIndex): NodeMeta {
  const part = partMasteredBy(chunk.rolePosition, node);
  const peer = peerNodeOf(node);
  const slots: TaggedSlots[] = [];
  if (part !== null) {
    const stable = chunk.stableSlots[part];
    if (stable !== null) slots.push({ ranges: stable, tag: { kind: 'none' } });
    slots.push(...chunk.migratingSlots[part].map((entry) => taggedSlots(chunks, entry)));
  }
  return {
    address: chunk.nodeAddresses[node],
    proxyAddress: chunk.proxyAddresses[halfOf(node)],
    slots,
    role: part === null ? 'replica' : 'master',
    peers: [
      {
        nodeAddress: chunk.nodeAddresses[peer],
        proxyAddress: chunk.proxyAddresses[halfOf(peer)],
      },
    ],
  };
}

/** A migration as proxies are told of it. */
export function taggedSlots(chunks: readonly Chunk[], entry: StoredMigration): TaggedSlots {
  const kind = entry.isMigrating ? 'migrating' : 'importing';
  return { ranges: entry.ranges, tag: { kind, meta: migrationMeta(chunks, entry) } };
}

// Positions become addresses of the current masters, so a failover redirects a running migration.
function migrationMeta(chunks: readonly Chunk[], { meta }: StoredMigration): MigrationMeta {
  const source = chunks[meta.srcChunkIndex];
  const destination = chunks[meta.dstChunkIndex];
  if (source === undefined || destination === undefined) {
    throw new Error('a migration refers to a chunk that does not exist');
  }
  const from = masterOf(source.rolePosition, meta.srcChunkPart);
  const to = masterOf(destination.rolePosition, meta.dstChunkPart);
  return {
    epoch: meta.epoch,
    srcProxyAddress: source.proxyAddresses[halfOf(from)],
    srcNodeAddress: source.nodeAddresses[from],
    dstProxyAddress: destination.proxyAddresses[halfOf(to)],
    dstNodeAddress: destination.nodeAddresses[to],
  };
}
