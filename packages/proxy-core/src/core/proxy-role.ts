import { hostOf, type NodeAddress, portOf, type ReplEntry } from '@undermoon/cluster-meta';
import type { ObservedRole, SeenReplica } from './replication.ts';

/** What clients are told of a proxy's part in replication. */
export type ProxyRole =
  | {
      readonly kind: 'master';
      /** The proxies with the copies. */
      readonly replicas: readonly NodeAddress[];
      readonly offset: number;
      /** Those of them whose copies follow, as the servers beside the proxy see them. */
      readonly connected: readonly ConnectedReplica[];
      /** Replicas that these servers see, also such as the metadata does not name. */
      readonly connectedCount: number;
    }
  | {
      readonly kind: 'replica';
      /** The proxy with the master of the first copy. */
      readonly followed: NodeAddress;
      readonly isLinkUp: boolean;
      readonly isSyncing: boolean;
      readonly offset: number;
    };

/** A proxy with a copy that follows its master. */
export interface ConnectedReplica {
  readonly proxy: NodeAddress;
  /** What the copy has acknowledged. */
  readonly offset: number;
}

/** A Redis server beside the proxy. */
interface LocalServer {
  readonly wanted: ReplEntry;
  readonly observed: ObservedRole;
}

/**
 * By the metadata: a proxy with a master beside it is a master, and the proxies with the copies are its replicas; one
 * with copies only is a replica, and so is the address for copies of any. To those who see one Redis server a proxy is
 * a master: they can write there.
 */
export function proxyRoleOf(
  servers: readonly LocalServer[],
  { isPlain, isReplicaPort }: { readonly isPlain: boolean; readonly isReplicaPort: boolean },
): ProxyRole {
  const of = (role: string) => servers.filter(({ wanted }) => wanted.role === role);
  const masters = isPlain || isReplicaPort ? [] : of('master');
  const [copy] = isPlain || masters.length > 0 ? [] : of('replica');
  const followed = copy?.wanted.peers[0]?.proxyAddress;
  if (copy !== undefined && followed !== undefined) {
    const { observed } = copy;
    const link = observed.kind === 'replica' ? observed.link : 'none';
    return {
      kind: 'replica',
      followed,
      isLinkUp: link === 'connected',
      isSyncing: link === 'sync',
      offset: offsetOf(observed),
    };
  }
  const proxies = masters.flatMap(({ wanted }) =>
    wanted.peers.map(({ proxyAddress }) => proxyAddress),
  );
  const counts = masters.map(({ observed }) => seenBy(observed).length);
  return {
    kind: 'master',
    replicas: [...new Set(proxies)],
    offset: Math.max(0, ...masters.map(({ observed }) => offsetOf(observed))),
    connected: connectedOf(masters),
    connectedCount: counts.reduce((sum, count) => sum + count, 0),
  };
}

/** Each proxy once, in the order of the metadata. */
function connectedOf(masters: readonly LocalServer[]): readonly ConnectedReplica[] {
  const found = new Map<NodeAddress, ConnectedReplica>();
  for (const { wanted, observed } of masters) {
    const seen = seenBy(observed);
    for (const { proxyAddress, nodeAddress } of wanted.peers) {
      const replica = replicaAt(seen, nodeAddress, wanted.peers.length);
      if (replica === undefined || found.has(proxyAddress)) continue;
      found.set(proxyAddress, { proxy: proxyAddress, offset: replica.offset });
    }
  }
  return [...found.values()];
}

/** Servers know a replica by its IP address, the metadata perhaps by its name: one that stands alone is the one. */
export function replicaAt(
  seen: readonly SeenReplica[],
  node: NodeAddress,
  peerCount: number,
): SeenReplica | undefined {
  const isAlone = peerCount === 1 && seen.length === 1;
  const named = seen.find(({ host, port }) => host === hostOf(node) && port === portOf(node));
  return named ?? (isAlone ? seen[0] : undefined);
}

function seenBy(observed: ObservedRole): readonly SeenReplica[] {
  return observed.kind === 'master' ? observed.replicas : [];
}

/** Of the replication stream; -1: it is not known. */
export function offsetOf(observed: ObservedRole): number {
  return observed.kind === 'master' || observed.kind === 'replica' ? observed.offset : -1;
}
