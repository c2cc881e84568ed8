import type { Buffer } from 'node:buffer';
import type { NodeAddress, ReplEntry } from '@undermoon/cluster-meta';
import {
  buildClusterView,
  renderClusterInfo,
  renderNodes,
  renderShards,
  renderSlots,
  replicaLinksOf,
  type ClusterView,
  type ReplicaLink,
  type RespProtocol,
} from '../core/cluster-view.ts';
import { nodeIdOf, shardIdOf, type Sha1Hex } from '../core/node-id.ts';
import type { RoutingTable } from '../core/routing-table.ts';

/** CLUSTER sub-commands whose reply depends on nothing but the table and the protocol version. */
export type RenderedReply = 'INFO' | 'NODES' | 'SHARDS' | 'SLOTS';

const RENDERERS: Readonly<
  Record<RenderedReply, (view: ClusterView, protocol: RespProtocol) => Buffer>
> = {
  INFO: renderClusterInfo,
  NODES: renderNodes,
  SHARDS: renderShards,
  SLOTS: renderSlots,
};

/** The CLUSTER replies of one proxy: drawn once per piece of metadata, written once per protocol version. */
export class ClusterReplies {
  readonly #self: NodeAddress;
  readonly #sha1Hex: Sha1Hex;
  #table: RoutingTable | null = null;
  #links: readonly ReplicaLink[] = [];
  #view: ClusterView | null = null;
  #rendered = new Map<string, Buffer>();

  constructor(self: NodeAddress, sha1Hex: Sha1Hex) {
    this.#self = self;
    this.#sha1Hex = sha1Hex;
  }

  /** Takes the wanted roles of the servers beside this proxy: they tell which proxies hold copies. */
  setRoles(entries: readonly ReplEntry[]): void {
    this.#links = replicaLinksOf(entries, this.#self);
    this.#view = null;
  }

  viewOf(table: RoutingTable): ClusterView {
    if (this.#view === null || this.#table !== table) {
      this.#view = buildClusterView(table, this.#self, this.#sha1Hex, this.#links);
      this.#table = table;
      this.#rendered.clear();
    }
    return this.#view;
  }

  /** The id of this proxy; metadata does not change it. */
  selfId(): string {
    return nodeIdOf(this.#self, this.#sha1Hex);
  }

  /** The id of the shard that this proxy belongs to. */
  shardIdIn(table: RoutingTable): string {
    const self = this.viewOf(table).members.find(({ isSelf }) => isSelf);
    return self?.shardId ?? shardIdOf(this.#self, this.#sha1Hex);
  }

  bytesOf(table: RoutingTable, kind: RenderedReply, protocol: RespProtocol): Buffer {
    const view = this.viewOf(table);
    const cacheKey = `${kind} ${protocol}`;
    const cached = this.#rendered.get(cacheKey);
    if (cached !== undefined) return cached;
    const bytes = RENDERERS[kind](view, protocol);
    this.#rendered.set(cacheKey, bytes);
    return bytes;
  }
}
