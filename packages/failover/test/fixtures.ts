import type {
  ClusterMeta,
  ClusterName,
  Epoch,
  MigrationMeta,
  MigrationTask,
  NodeAddress,
  NodeMeta,
  ProxyMeta,
  Role,
  TaggedSlots,
} from '@undermoon/cluster-meta';
import {
  DEFAULT_CLUSTER_CONFIG,
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
} from '@undermoon/cluster-meta';

export function address(text: string): NodeAddress {
  const parsed = parseNodeAddress(text);
  if (parsed === null) throw new Error(`not an address: ${text}`);
  return parsed;
}

export function epoch(value: number): Epoch {
  const parsed = parseEpoch(value);
  if (parsed === null) throw new Error(`not an epoch: ${value}`);
  return parsed;
}

export function clusterName(text: string): ClusterName {
  const parsed = parseClusterName(text);
  if (parsed === null) throw new Error(`not a cluster name: ${text}`);
  return parsed;
}

/** Who is master in a chunk: both halves, or all in the first or in the second one. */
export type RolePosition = 'normal' | 'first' | 'second';

export interface ChunkPlan {
  readonly proxies: readonly [NodeAddress, NodeAddress];
  readonly position: RolePosition;
  /** Slots of the two parts. */
  readonly parts: readonly [readonly TaggedSlots[], readonly TaggedSlots[]];
}

export function stable(start: number, end: number): TaggedSlots {
  return { ranges: [[start, end]], tag: { kind: 'none' } };
}

export function tagged(
  kind: 'migrating' | 'importing',
  range: readonly [number, number],
  meta: MigrationMeta,
): TaggedSlots {
  const slots = stable(range[0], range[1]);
  return { ...slots, tag: { kind, meta } };
}

/** The two Redis servers beside a proxy: same host, the proxy's port plus 1000 and 2000. */
function nodesOf(proxy: NodeAddress): readonly [NodeAddress, NodeAddress] {
  const colon = proxy.lastIndexOf(':');
  const port = Number(proxy.slice(colon + 1));
  const host = proxy.slice(0, colon);
  return [address(`${host}:${port + 1000}`), address(`${host}:${port + 2000}`)];
}

const PARTNER = [3, 2, 1, 0] as const;
const MASTERS = { normal: [0, 2], first: [0, 1], second: [3, 2] } as const;

export function clusterOf(
  name: string,
  atEpoch: number,
  chunks: readonly ChunkPlan[],
): ClusterMeta {
  return {
    name: clusterName(name),
    epoch: epoch(atEpoch),
    nodes: chunks.flatMap(chunkNodes),
    replicas: [],
    replicaAddresses: [],
    config: DEFAULT_CLUSTER_CONFIG,
  };
}

export function freeProxy(proxy: NodeAddress, atEpoch: number): ProxyMeta {
  return {
    address: proxy,
    replicaAddress: null,
    clusterName: null,
    epoch: epoch(atEpoch),
    nodes: nodesOf(proxy).map((node) => nodeMeta(node, proxy, 'master', [])),
    peers: [],
    replicas: null,
    clusterConfig: null,
  };
}

export function migrationTask(
  name: string,
  meta: MigrationMeta,
  range: readonly [number, number],
  kind: 'migrating' | 'importing' = 'migrating',
): MigrationTask {
  return { clusterName: clusterName(name), slots: tagged(kind, range, meta) };
}

function chunkNodes(chunk: ChunkPlan): readonly NodeMeta[] {
  const addresses = chunk.proxies.flatMap((proxy) => nodesOf(proxy));
  const masters: readonly number[] = MASTERS[chunk.position];
  return addresses.map((node, index) => {
    const proxy = chunk.proxies[index < 2 ? 0 : 1];
    const partner = PARTNER[index]!;
    const role: Role = masters.includes(index) ? 'master' : 'replica';
    const slots = role === 'master' ? chunk.parts[masters.indexOf(index) as 0 | 1] : [];
    return {
      ...nodeMeta(node, proxy, role, slots),
      peers: [
        { nodeAddress: addresses[partner]!, proxyAddress: chunk.proxies[partner < 2 ? 0 : 1] },
      ],
    };
  });
}

function nodeMeta(
  node: NodeAddress,
  proxy: NodeAddress,
  role: Role,
  slots: readonly TaggedSlots[],
): NodeMeta {
  return { address: node, proxyAddress: proxy, slots, role, peers: [] };
}
