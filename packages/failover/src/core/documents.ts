import type {
  ClusterMeta,
  NodeAddress,
  NodeMeta,
  PeerMeta,
  ProxyMeta,
  TaggedSlots,
} from '@undermoon/cluster-meta';

import type { WatchedMaster } from './server-watch.ts';

/** What one proxy has to know, and its place in the order of sending: lower ranks go first. */
export interface RankedDocument {
  readonly meta: ProxyMeta;
  readonly rank: number;
}

/** Of a proxy that takes slots over. */
export const RANK_IMPORTING = 0;
const RANK_WITHOUT_SLOTS = 1;
const RANK_OTHER = 2;

/**
 * The documents of all proxies of a cluster, as the broker would serve them one by one. Proxies in `first` rank before all
 * others, in that order; then those that import slots, so that the new owner knows before the old one redirects clients to it.
 */
export function documentsOf(
  cluster: ClusterMeta,
  first: readonly NodeAddress[],
): readonly RankedDocument[] {
  const nodesByProxy = groupByProxy(cluster);
  const peers: PeerMeta[] = [];
  for (const [proxyAddress, nodes] of nodesByProxy) {
    const masters = nodes.filter((node) => node.role === 'master');
    if (masters.length === 0) continue;
    peers.push({ proxyAddress, slots: masters.flatMap((node) => node.slots) });
  }
  const replicaAddresses = new Map(
    cluster.replicaAddresses.map((proxy) => [proxy.proxyAddress, proxy.replicaAddress]),
  );
  return [...nodesByProxy].map(([address, nodes]) => {
    const replicaAddress = replicaAddresses.get(address) ?? null;
    return {
      rank: rankOf(address, nodes, first),
      meta: {
        address,
        replicaAddress,
        clusterName: cluster.name,
        epoch: cluster.epoch,
        nodes,
        peers: peers.filter((peer) => peer.proxyAddress !== address),
        // Others may be of a version that refuses what it does not know.
        replicas: replicaAddress === null ? null : cluster.replicas,
        clusterConfig: cluster.config,
      },
    };
  });
}

/** The proxies of a cluster, each once, in chunk order. */
export function membersOf(cluster: ClusterMeta): readonly NodeAddress[] {
  return [...groupByProxy(cluster).keys()];
}

/** The proxies that hold the other ends of this proxy's replication pairs: its half of the chunk's survivors. */
export function partnersOf(cluster: ClusterMeta, address: NodeAddress): readonly NodeAddress[] {
  const own = cluster.nodes.filter((node) => node.proxyAddress === address);
  return [...new Set(own.flatMap((node) => node.peers.map((peer) => peer.proxyAddress)))];
}

/** The masters with slots beside this proxy, and the replica that would take the place of each. */
export function servingMastersOf(
  cluster: ClusterMeta,
  address: NodeAddress,
): readonly WatchedMaster[] {
  return cluster.nodes
    .filter((node) => node.proxyAddress === address && isServing(node))
    .map(({ address: node, peers: [peer] }) => ({
      node,
      replica: peer === undefined ? null : { node: peer.nodeAddress, proxy: peer.proxyAddress },
    }));
}

/** A master with slots. */
export function isServing(node: NodeMeta): boolean {
  return node.role === 'master' && node.slots.length > 0;
}

function groupByProxy(cluster: ClusterMeta): ReadonlyMap<NodeAddress, readonly NodeMeta[]> {
  const groups = new Map<NodeAddress, NodeMeta[]>();
  for (const node of cluster.nodes) {
    const group = groups.get(node.proxyAddress);
    if (group === undefined) groups.set(node.proxyAddress, [node]);
    else group.push(node);
  }
  return groups;
}

function rankOf(
  address: NodeAddress,
  nodes: readonly NodeMeta[],
  first: readonly NodeAddress[],
): number {
  const place = first.indexOf(address);
  if (place >= 0) return place - first.length;
  if (isImporting(nodes)) return RANK_IMPORTING;
  return slotsOf(nodes).length === 0 ? RANK_WITHOUT_SLOTS : RANK_OTHER;
}

/** Whether the nodes of a proxy take slots over from others. */
export function isImporting(nodes: readonly NodeMeta[]): boolean {
  return slotsOf(nodes).some((entry) => entry.tag.kind === 'importing');
}

function slotsOf(nodes: readonly NodeMeta[]): readonly TaggedSlots[] {
  return nodes.filter((node) => node.role === 'master').flatMap((node) => node.slots);
}
