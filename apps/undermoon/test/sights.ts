import {
  parseClusterName,
  parseNodeAddress,
  type ClusterName,
  type NodeAddress,
  type Role,
} from '@undermoon/cluster-meta';

import type { NodeSight, ProxySight, Snapshot } from '../src/sight/snapshot.ts';

/** The cluster of all snapshots here. */
export const DEMO: ClusterName = clusterName('demo');

/** A node address, for tests. */
export function address(text: string): NodeAddress {
  const parsed = parseNodeAddress(text);
  if (parsed === null) throw new Error(`not an address: ${text}`);
  return parsed;
}

function clusterName(text: string): ClusterName {
  const parsed = parseClusterName(text);
  if (parsed === null) throw new Error(`not a name: ${text}`);
  return parsed;
}

interface NodeShape {
  readonly port: number;
  readonly peer: number;
  readonly role: Role;
  readonly slots?: readonly [number, number];
}

/** A Redis server that is just as the metadata wants it. */
function node({ port, peer, role, slots }: NodeShape): NodeSight {
  return {
    address: address(`h:${port}`),
    role,
    peer: address(`h:${peer}`),
    // 11 and 22 hold one half of the slots, 21 and 12 the other, whoever is the master.
    shard: [11, 22, 31].includes(port) ? 1 : 2,
    slots: slots === undefined ? '' : slots.join('-'),
    moves: [],
    asksPassword: false,
    slotCount: slots === undefined ? 0 : slots[1] - slots[0] + 1,
    replication:
      role === 'master'
        ? { role, masterAddress: null, isLinkUp: false }
        : { role, masterAddress: `h:${peer}`, isLinkUp: true },
  };
}

/** A proxy that is just as the metadata wants it. */
function proxy(
  port: number,
  nodes: readonly NodeSight[],
  change: Partial<ProxySight> = {},
): ProxySight {
  return {
    address: address(`h:${port}`),
    replicaAddress: null,
    isReplicaAddressUp: null,
    asksPassword: false,
    cluster: nodes.length === 0 ? null : DEMO,
    wantedEpoch: 5,
    epoch: 5,
    coveredSlots: 16_384,
    isFailed: false,
    isReported: false,
    nodes,
    ...change,
  };
}

/** Two proxies with four Redis servers that form a whole cluster, and a spare proxy. */
export function wholeCluster(): Snapshot {
  return {
    epoch: 5,
    clusters: [DEMO],
    proxies: [
      proxy(1, [
        node({ port: 11, peer: 22, role: 'master', slots: [0, 8191] }),
        node({ port: 12, peer: 21, role: 'replica' }),
      ]),
      proxy(2, [
        node({ port: 21, peer: 12, role: 'master', slots: [8192, 16_383] }),
        node({ port: 22, peer: 11, role: 'replica' }),
      ]),
      proxy(3, []),
    ],
  };
}

/** The same after proxy 1 was failed over and proxy 3 took its place. */
export function failedOver(): Snapshot {
  const wantedEpoch = 9;
  return {
    epoch: 9,
    clusters: [DEMO],
    proxies: [
      proxy(1, [], { epoch: null, isFailed: true }),
      proxy(
        2,
        [
          node({ port: 21, peer: 32, role: 'master', slots: [8192, 16_383] }),
          node({ port: 22, peer: 31, role: 'master', slots: [0, 8191] }),
        ],
        { wantedEpoch, epoch: 9 },
      ),
      proxy(
        3,
        [
          node({ port: 31, peer: 22, role: 'replica' }),
          node({ port: 32, peer: 21, role: 'replica' }),
        ],
        { wantedEpoch, epoch: 9 },
      ),
    ],
  };
}
