import type { BrokerClient } from '@undermoon/broker-api/client';
import type { NodeAddress, NodeMeta, ProxyMeta } from '@undermoon/cluster-meta';

import { NodeProbe } from './node-probe.ts';
import { slotCountOf, slotText } from './slot-text.ts';
import type { NodeSight, ProxySight, Replication, Snapshot } from './snapshot.ts';

/** Looks at a whole system: the broker's metadata, and what proxies and Redis servers say themselves. */
export class Inspector {
  readonly #broker: BrokerClient;
  readonly #probes = new Map<NodeAddress, NodeProbe>();

  constructor(broker: BrokerClient) {
    this.#broker = broker;
  }

  /** Fails with `BrokerClientError` when the broker cannot be asked; a silent proxy is part of the answer. */
  async look(): Promise<Snapshot> {
    const broker = this.#broker;
    const [epoch, clusters, addresses, failed, reported] = await Promise.all([
      broker.epoch(),
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
    const proxies = await Promise.all(known.map((meta) => this.#lookAtProxy(meta, marks)));
    return { epoch, clusters: clusters.toSorted(byText), proxies };
  }

  close(): void {
    for (const probe of this.#probes.values()) probe.close();
    this.#probes.clear();
  }

  async #lookAtProxy(meta: ProxyMeta, marks: Marks): Promise<ProxySight> {
    const probe = this.#probeOf(meta.address);
    const [epoch, info, nodes] = await Promise.all([
      probe.askNumber('UMCTL', 'GETEPOCH'),
      probe.askFields('CLUSTER', 'INFO'),
      Promise.all(meta.nodes.map((node) => this.#lookAtNode(node, meta.clusterName !== null))),
    ]);
    return {
      address: meta.address,
      cluster: meta.clusterName,
      wantedEpoch: meta.epoch,
      epoch,
      coveredSlots: info === null ? null : Number(info.get('cluster_slots_ok') ?? 0),
      isFailed: marks.failed.has(meta.address),
      isReported: marks.reported.has(meta.address),
      nodes,
    };
  }

  async #lookAtNode(node: NodeMeta, isMember: boolean): Promise<NodeSight> {
    return {
      address: node.address,
      role: node.role,
      peer: node.peers[0]?.nodeAddress ?? null,
      slots: slotText(node.slots),
      slotCount: slotCountOf(node.slots),
      replication: isMember ? await this.#replicationOf(node.address) : undefined,
    };
  }

  async #replicationOf(address: NodeAddress): Promise<Replication | null> {
    const info = await this.#probeOf(address).askFields('INFO', 'replication');
    const role = info?.get('role');
    if (info === null || role === undefined) return null;
    if (role === 'master') return { role, masterAddress: null, isLinkUp: false };
    return {
      role: 'replica',
      masterAddress: `${info.get('master_host')}:${info.get('master_port')}`,
      isLinkUp: info.get('master_link_status') === 'up',
    };
  }

  #probeOf(address: NodeAddress): NodeProbe {
    const known = this.#probes.get(address);
    if (known !== undefined) return known;
    const probe = new NodeProbe(address);
    this.#probes.set(address, probe);
    return probe;
  }
}

interface Marks {
  readonly failed: ReadonlySet<NodeAddress>;
  readonly reported: ReadonlySet<NodeAddress>;
}

function byText(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
