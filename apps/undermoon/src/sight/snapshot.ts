import type { ClusterName, NodeAddress, Role } from '@undermoon/cluster-meta';

import type { SlotMove } from './slot-text.ts';

/** What a Redis server says of its own replication. Null when it does not answer. */
export interface Replication {
  readonly role: Role;
  /** The master that a replica follows. */
  readonly masterAddress: string | null;
  readonly isLinkUp: boolean;
}

/** One Redis server as the metadata has it, and as it is. */
export interface NodeSight {
  readonly address: NodeAddress;
  readonly role: Role;
  /** The other server of its pair. */
  readonly peer: NodeAddress | null;
  /** Its shard's number in the cluster, from 1 in the order of slots; null for a server of no cluster. */
  readonly shard: number | null;
  /** As text, such as `0-8191`. */
  readonly slots: string;
  readonly slotCount: number;
  /** Moves of slots that run, from or to this server. */
  readonly moves: readonly SlotMove[];
  /** It answers, but only with a password that was not given. */
  readonly asksPassword: boolean;
  /** `undefined` when it was not asked. */
  readonly replication: Replication | null | undefined;
}

/** One proxy as the metadata has it, and as it is. */
export interface ProxySight {
  readonly address: NodeAddress;
  /** Where clients find it as a replica; null when it has no such address. */
  readonly replicaAddress: NodeAddress | null;
  /** Whether somebody answers there; null when there is nothing to ask. */
  readonly isReplicaAddressUp: boolean | null;
  readonly cluster: ClusterName | null;
  /** The epoch of its metadata at the broker. */
  readonly wantedEpoch: number;
  /** The epoch it has; null when it does not answer. */
  readonly epoch: number | null;
  /** Slots that it knows an owner of; null when it does not answer that. */
  readonly coveredSlots: number | null;
  /** It answers, but only with a password that was not given. */
  readonly asksPassword: boolean;
  /** It was failed over and is not used until it is registered again. */
  readonly isFailed: boolean;
  /** Coordinators report that it does not answer. */
  readonly isReported: boolean;
  readonly nodes: readonly NodeSight[];
}

/** Everything at one moment. */
export interface Snapshot {
  readonly epoch: number;
  readonly clusters: readonly ClusterName[];
  readonly proxies: readonly ProxySight[];
}

/** In one word or two, how a proxy is. */
export type ProxyHealth =
  | 'ok'
  | 'no answer'
  | 'failed'
  | 'behind'
  | 'asks for password'
  | 'not serving'
  | 'no replica address'
  | 'replica out of sync';

const SLOT_COUNT = 16_384;

/** How a proxy is, judged by itself and by its Redis servers. */
export function healthOf(proxy: ProxySight): ProxyHealth {
  if (proxy.isFailed) return 'failed';
  if (proxy.epoch === null) return 'no answer';
  if (proxy.cluster === null) return 'ok';
  if (proxy.epoch < proxy.wantedEpoch) return 'behind';
  if (proxy.asksPassword) return 'asks for password';
  if (proxy.coveredSlots !== SLOT_COUNT) return 'not serving';
  if (proxy.isReplicaAddressUp === false) return 'no replica address';
  if (proxy.nodes.some(({ asksPassword }) => asksPassword)) return 'asks for password';
  return proxy.nodes.every((node) => replicationProblem(node) === null)
    ? 'ok'
    : 'replica out of sync';
}

/** What is wrong with the broker's metadata as a whole, as a sentence; null when nothing is. */
export function brokerProblemOf({ epoch, proxies }: Snapshot): string | null {
  const ahead = proxies.filter((proxy) => proxy.epoch !== null && proxy.epoch > epoch);
  const [first] = ahead;
  if (first === undefined) return null;
  const others = ahead.length > 1 ? ` and ${ahead.length - 1} more` : '';
  return (
    `proxy ${first.address}${others} had newer metadata (epoch ${first.epoch}) and refuses the broker's; ` +
    'PUT /api/v3/epoch/recovery mends that'
  );
}

/** What keeps a cluster from being whole, as sentences; none when it serves every slot and every replica is in sync. */
export function problemsOf(snapshot: Snapshot, cluster: ClusterName): string[] {
  const proxies = snapshot.proxies.filter((proxy) => proxy.cluster === cluster);
  if (proxies.length === 0) return [`there is no cluster ${cluster}`];
  const owned = proxies
    .flatMap(({ nodes }) => nodes)
    .reduce((sum, node) => sum + node.slotCount, 0);
  const problems = owned === SLOT_COUNT ? [] : [`${owned} of ${SLOT_COUNT} slots have an owner`];
  return [...problems, ...proxies.flatMap(proxyProblems)];
}

function proxyProblems(proxy: ProxySight): string[] {
  const who = `proxy ${proxy.address}`;
  if (proxy.isFailed) return [`${who} is marked as failed`];
  if (proxy.epoch === null) return [`${who} does not answer`];
  if (proxy.epoch < proxy.wantedEpoch) {
    return [`${who} has metadata of epoch ${proxy.epoch}, not yet ${proxy.wantedEpoch}`];
  }
  const problems: string[] = [];
  if (proxy.asksPassword) problems.push(`${who} asks for a password: UNDERMOON_PASSWORD`);
  else if (proxy.coveredSlots !== SLOT_COUNT) {
    problems.push(`${who} knows the owners of ${proxy.coveredSlots ?? 0} of ${SLOT_COUNT} slots`);
  }
  if (proxy.isReplicaAddressUp === false) {
    problems.push(`${who} does not answer at its replica_address ${proxy.replicaAddress}`);
  }
  for (const node of proxy.nodes) {
    const problem = replicationProblem(node);
    if (problem !== null) problems.push(`Redis server ${node.address} ${problem}`);
  }
  return problems;
}

function replicationProblem(node: NodeSight): string | null {
  const actual = node.replication;
  if (actual === undefined) return null;
  if (node.asksPassword) return 'asks for a password: UNDERMOON_BACKEND_PASSWORD';
  if (actual === null) return 'does not answer';
  if (actual.role !== node.role) return `is still a ${actual.role}, not a ${node.role}`;
  if (node.role === 'master') return null;
  if (actual.masterAddress !== node.peer) {
    return `follows ${actual.masterAddress ?? 'nobody'}, not ${node.peer ?? 'anybody'}`;
  }
  return actual.isLinkUp ? null : `is not yet in sync with ${node.peer}`;
}

/** A move of slots that runs. */
export interface RunningMove {
  readonly slots: string;
  readonly slotCount: number;
  /** Redis servers. */
  readonly from: NodeAddress;
  readonly to: NodeAddress;
}

/** The moves of a cluster's slots that run; those that are only planned are not known here. */
export function movesOf(snapshot: Snapshot, cluster: ClusterName): RunningMove[] {
  return snapshot.proxies
    .filter((proxy) => proxy.cluster === cluster)
    .flatMap(({ nodes }) => nodes)
    .flatMap(({ address, moves }) =>
      moves
        .filter(({ direction }) => direction === 'to')
        .map(({ slots, slotCount, node }) => ({ slots, slotCount, from: address, to: node })),
    );
}
