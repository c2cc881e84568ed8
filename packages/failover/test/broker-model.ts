import type { ClusterMeta, ClusterName, NodeAddress, ProxyMeta } from '@undermoon/cluster-meta';
import { documentsOf } from '../src/core/documents.ts';
import type { ChunkPlan } from './fixtures.ts';
import { clusterName, clusterOf, freeProxy } from './fixtures.ts';

interface ClusterModel {
  epoch: number;
  chunks: ChunkPlan[];
}

/** The parts of a broker's behaviour that a coordinator depends on, by the rules of the reference. */
export class BrokerModel {
  epoch = 0;
  isDown = false;
  readonly quorum: number;
  readonly registered: Set<NodeAddress> = new Set();
  readonly failed: Set<NodeAddress> = new Set();
  readonly reports: Map<NodeAddress, Set<string>> = new Map();
  readonly clusters: Map<ClusterName, ClusterModel> = new Map();
  failoverCalls = 0;

  constructor(quorum = 1) {
    this.quorum = quorum;
  }

  register(proxy: NodeAddress): void {
    const isNew = !this.registered.has(proxy);
    const wasMarked = this.failed.delete(proxy) || this.reports.delete(proxy);
    this.reports.delete(proxy);
    this.registered.add(proxy);
    if (isNew || wasMarked) this.epoch += 1;
  }

  createCluster(name: string, chunks: readonly ChunkPlan[]): void {
    this.epoch += 1;
    this.clusters.set(clusterName(name), { epoch: this.epoch, chunks: [...chunks] });
  }

  /** Other slots for the two parts of a cluster's first chunk. */
  setParts(name: string, parts: ChunkPlan['parts']): void {
    const model = this.clusters.get(clusterName(name))!;
    model.chunks[0] = { ...model.chunks[0]!, parts };
    this.touch(name);
  }

  touch(name: string): void {
    const model = this.clusters.get(clusterName(name))!;
    this.epoch += 1;
    model.epoch = this.epoch;
  }

  cluster(name: ClusterName): ClusterMeta | null {
    const model = this.clusters.get(name);
    return model === undefined ? null : clusterOf(name, model.epoch, model.chunks);
  }

  clusterOfProxy(proxy: NodeAddress): ClusterName | null {
    for (const [name, model] of this.clusters) {
      if (model.chunks.some((chunk) => chunk.proxies.includes(proxy))) return name;
    }
    return null;
  }

  /** What the broker would serve for one proxy. */
  document(proxy: NodeAddress): ProxyMeta | null {
    const name = this.clusterOfProxy(proxy);
    const cluster = name === null ? null : this.cluster(name);
    if (cluster !== null) {
      const found = documentsOf(cluster, []).find(({ meta }) => meta.address === proxy);
      return found?.meta ?? null;
    }
    return this.registered.has(proxy) ? freeProxy(proxy, this.epoch) : null;
  }

  report(proxy: NodeAddress, reporter: string): void {
    const reporters = this.reports.get(proxy) ?? new Set();
    this.reports.set(proxy, reporters);
    if (reporters.has(reporter)) return;
    reporters.add(reporter);
    this.epoch += 1;
  }

  withdraw(proxy: NodeAddress, reporter: string): void {
    const reporters = this.reports.get(proxy);
    reporters?.delete(reporter);
    if (reporters?.size === 0) this.reports.delete(proxy);
  }

  failures(): NodeAddress[] {
    return [...this.reports]
      .filter(([proxy, by]) => this.registered.has(proxy) && by.size >= this.quorum)
      .map(([proxy]) => proxy);
  }

  /** The replacement, null for a free proxy, or a refusal. */
  failover(proxy: NodeAddress): { code: string } | { replacement: ProxyMeta | null } {
    this.failoverCalls += 1;
    if (!this.registered.has(proxy)) return { code: 'PROXY_NOT_FOUND' };
    const name = this.clusterOfProxy(proxy);
    const model = name === null ? undefined : this.clusters.get(name);
    if (model === undefined) {
      this.reports.delete(proxy);
      this.failed.add(proxy);
      return { replacement: null };
    }
    const index = model.chunks.findIndex((chunk) => chunk.proxies.includes(proxy));
    const chunk = model.chunks[index]!;
    const position = chunk.proxies[0] === proxy ? 'second' : 'first';
    this.epoch += 1;
    if (chunk.position !== position) {
      model.chunks[index] = { ...chunk, position };
      model.epoch = this.epoch;
    }
    this.failed.add(proxy);
    const spare = [...this.registered].find((other) => this.#isAllocatable(other));
    if (spare === undefined) return { code: 'NO_AVAILABLE_RESOURCE' };
    const proxies = chunk.proxies.map((other) => (other === proxy ? spare : other));
    this.epoch += 1;
    model.chunks[index] = { ...model.chunks[index]!, proxies: [proxies[0]!, proxies[1]!] };
    model.epoch = this.epoch;
    return { replacement: this.document(spare) };
  }

  #isAllocatable(proxy: NodeAddress): boolean {
    return (
      this.clusterOfProxy(proxy) === null && !this.failed.has(proxy) && !this.reports.has(proxy)
    );
  }
}
