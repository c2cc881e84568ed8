import type { BrokerClient } from '@undermoon/broker-api/client';
import type { NodeAddress, NodeMeta, ProxyMeta } from '@undermoon/cluster-meta';

import { NodeProbe, type Credentials } from './node-probe.ts';
import { shardNumbers } from './shards.ts';
import { ownedSlots, slotCountOf, slotMoves, slotText } from './slot-text.ts';
import type { NodeSight, ProxySight, Replication, Snapshot } from './snapshot.ts';

/** How to log in where that is needed; null for none. */
export interface Logins {
  readonly proxies: Credentials | null;
  readonly servers: Credentials | null;
}

const NO_LOGINS: Logins = { proxies: null, servers: null };

/** Looks at a whole system: the broker's metadata, and what proxies and Redis servers say themselves. */
export class Inspector {
  readonly #broker: BrokerClient;
  readonly #logins: Logins;
  readonly #probes = new Map<NodeAddress, NodeProbe>();

  constructor(broker: BrokerClient, logins: Logins = NO_LOGINS) {
    this.#broker = broker;
    this.#logins = logins;
  }

  /** Fails with `BrokerClientError` when the broker cannot be asked; a silent proxy is part of the answer. */
  async look(): Promise<Snapshot> {
    const broker = this.#broker;
    const [clusters, addresses, failed, reported] = await Promise.all([
      broker.clusterNames(),
      broker.proxyAddresses(),
      broker.failedProxies(),
      broker.failures(),
    ]);
    const marks = { failed: new Set(failed), reported: new Set(reported) };
    const metas = await Promise.all(
      addresses.toSorted(byText).map((address) => broker.proxy(address)),
    );
    const known = metas.filter((meta) => meta !== null);
    const shards = shardsOf(known);
    const proxies = await Promise.all(known.map((meta) => this.#lookAtProxy(meta, marks, shards)));
    // Asked last, so that no proxy is ahead of the broker only because it was asked later.
    const epoch = await broker.epoch();
    return { epoch, clusters: clusters.toSorted(byText), proxies };
  }

  close(): void {
    for (const probe of this.#probes.values()) probe.close();
    this.#probes.clear();
  }

  async #lookAtProxy(meta: ProxyMeta, marks: Marks, shards: Shards): Promise<ProxySight> {
    const { replicaAddress } = meta;
    const probe = this.#probeOf(meta.address, this.#logins.proxies);
    const isMember = meta.clusterName !== null;
    const [epoch, info, isReplicaAddressUp, nodes] = await Promise.all([
      probe.askNumber('UMCTL', 'GETEPOCH'),
      probe.askFields('CLUSTER', 'INFO'),
      replicaAddress === null ? null : this.#probeOf(replicaAddress, null).answers(),
      Promise.all(meta.nodes.map((node) => this.#lookAtNode(node, isMember, shards))),
    ]);
    return {
      address: meta.address,
      replicaAddress,
      isReplicaAddressUp,
      cluster: meta.clusterName,
      wantedEpoch: meta.epoch,
      epoch,
      coveredSlots: info === null ? null : Number(info.get('cluster_slots_ok') ?? 0),
      asksPassword: probe.asksPassword,
      isFailed: marks.failed.has(meta.address),
      isReported: marks.reported.has(meta.address),
      nodes,
    };
  }

  async #lookAtNode(node: NodeMeta, isMember: boolean, shards: Shards): Promise<NodeSight> {
    const probe = this.#probeOf(node.address, this.#logins.servers);
    const replication = isMember ? await replicationOf(probe) : undefined;
    const owned = ownedSlots(node.slots);
    return {
      address: node.address,
      role: node.role,
      peer: node.peers[0]?.nodeAddress ?? null,
      shard: shards.get(node.address) ?? null,
      slots: slotText(owned),
      slotCount: slotCountOf(owned),
      moves: slotMoves(node.slots),
      asksPassword: probe.asksPassword,
      replication,
    };
  }

  #probeOf(address: NodeAddress, credentials: Credentials | null): NodeProbe {
    const known = this.#probes.get(address);
    if (known !== undefined) return known;
    const probe = new NodeProbe(address, credentials);
    this.#probes.set(address, probe);
    return probe;
  }
}

type Shards = ReadonlyMap<NodeAddress, number>;

function shardsOf(metas: readonly ProxyMeta[]): Shards {
  const clusters = new Map<string, NodeMeta[]>();
  for (const { clusterName, nodes } of metas) {
    if (clusterName === null) continue;
    clusters.set(clusterName, [...(clusters.get(clusterName) ?? []), ...nodes]);
  }
  return new Map([...clusters.values()].flatMap((nodes) => [...shardNumbers(nodes)]));
}

async function replicationOf(probe: NodeProbe): Promise<Replication | null> {
  const info = await probe.askFields('INFO', 'replication');
  const role = info?.get('role');
  if (info === null || role === undefined) return null;
  if (role === 'master') return { role, masterAddress: null, isLinkUp: false };
  return {
    role: 'replica',
    masterAddress: `${info.get('master_host')}:${info.get('master_port')}`,
    isLinkUp: info.get('master_link_status') === 'up',
  };
}

interface Marks {
  readonly failed: ReadonlySet<NodeAddress>;
  readonly reported: ReadonlySet<NodeAddress>;
}

function byText(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
