import type { Buffer } from 'node:buffer';
import {
  finishSlices,
  SliceMeter,
  type NodeAddress,
  type ReplEntry,
  type Slices,
} from '@undermoon/cluster-meta';
import {
  nodesSlices,
  renderClusterInfo,
  shardsSlices,
  slotsSlices,
  type RespProtocol,
} from '../core/cluster-rendering.ts';
import {
  clusterViewSlices,
  mastersOf,
  replicaLinksOf,
  slotOwnersOf,
  type ClusterView,
  type ReplicaLink,
} from '../core/cluster-view.ts';
import { metadataSlices } from '../core/metadata-rendering.ts';
import { nodeIdOf, shardIdOf, type Sha1Hex } from '../core/node-id.ts';
import type { RoutingTable } from '../core/routing-table.ts';

/** Replies, or parts of replies, that depend on nothing but the metadata and the protocol version. */
export type RenderedReply = 'METADATA' | 'NODES' | 'SHARDS' | 'SLOTS';

/** What was made of one piece of metadata so far. */
export interface DrawnReplies {
  readonly table: RoutingTable;
  readonly links: readonly ReplicaLink[];
  readonly rendered: Map<string, Buffer>;
  /** Ids that were asked for. */
  readonly ids: Map<NodeAddress, string>;
  view: ClusterView | null;
}

/** The CLUSTER replies of one proxy: drawn once per piece of metadata, written once per protocol version. */
export class ClusterReplies {
  readonly #self: NodeAddress;
  readonly #sha1Hex: Sha1Hex;
  #links: readonly ReplicaLink[] = [];
  #drawn: DrawnReplies | null = null;

  constructor(self: NodeAddress, sha1Hex: Sha1Hex) {
    this.#self = self;
    this.#sha1Hex = sha1Hex;
  }

  /** Takes the wanted roles of the servers beside this proxy: they tell which proxies hold copies. */
  setRoles(entries: readonly ReplEntry[]): void {
    this.#links = replicaLinksOf(entries, this.#self);
  }

  /** What belongs to this table and the roles of now. */
  drawnOf(table: RoutingTable): DrawnReplies {
    const known = this.#drawn;
    if (known !== null && known.table === table && known.links === this.#links) return known;
    const links = this.#links;
    // Most proxies are those of the metadata before: their ids need no new hash.
    const ids = new Map(known?.ids);
    this.#drawn = { table, links, rendered: new Map(), ids, view: null };
    return this.#drawn;
  }

  /** The reply if it is there already. The bytes are shared: they are never to be changed. */
  cached(drawn: DrawnReplies, kind: RenderedReply, protocol: RespProtocol): Buffer | null {
    return drawn.rendered.get(`${kind} ${protocol}`) ?? null;
  }

  /** The same, made if need be, in slices. */
  *slices(
    drawn: DrawnReplies,
    kind: RenderedReply,
    protocol: RespProtocol,
    meter: SliceMeter,
  ): Slices<Buffer> {
    const known = this.cached(drawn, kind, protocol);
    if (known !== null) return known;
    const bytes =
      kind === 'METADATA'
        ? yield* metadataSlices(drawn.table, meter)
        : yield* this.#render(drawn, kind, protocol, meter);
    drawn.rendered.set(`${kind} ${protocol}`, bytes);
    return bytes;
  }

  /** The view, in slices. */
  *viewSlices(drawn: DrawnReplies, meter: SliceMeter): Slices<ClusterView> {
    if (drawn.view !== null) return drawn.view;
    const { table, links } = drawn;
    const used = new Map<NodeAddress, string>();
    const idOf = (address: NodeAddress): string => {
      const id = drawn.ids.get(address) ?? nodeIdOf(address, this.#sha1Hex);
      used.set(address, id);
      return id;
    };
    const source = { table, links, self: this.#self, idOf };
    const view = yield* clusterViewSlices(source, meter);
    drawn.view = view;
    drawn.ids.clear();
    for (const [address, id] of used) drawn.ids.set(address, id);
    return view;
  }

  /** CLUSTER INFO. */
  clusterInfo(table: RoutingTable, protocol: RespProtocol): Buffer {
    return renderClusterInfo({ table, self: this.#self, links: this.#links }, protocol);
  }

  /** Slots that have an owner. */
  coveredCount(table: RoutingTable): number {
    return slotOwnersOf(table, this.#self).coveredCount;
  }

  /** The id of this proxy; metadata does not change it. */
  selfId(): string {
    return nodeIdOf(this.#self, this.#sha1Hex);
  }

  /** The id of the shard that this proxy belongs to. */
  shardIdIn(table: RoutingTable): string {
    const masters = mastersOf(this.#links, slotOwnersOf(table, this.#self));
    return shardIdOf(masters.get(this.#self) ?? this.#self, this.#sha1Hex);
  }

  /** A reply at once, however long it takes. */
  bytesOf(table: RoutingTable, kind: RenderedReply, protocol: RespProtocol): Buffer {
    return finishSlices(this.slices(this.drawnOf(table), kind, protocol, new SliceMeter()));
  }

  *#render(
    drawn: DrawnReplies,
    kind: Exclude<RenderedReply, 'METADATA'>,
    protocol: RespProtocol,
    meter: SliceMeter,
  ): Slices<Buffer> {
    const view = yield* this.viewSlices(drawn, meter);
    switch (kind) {
      case 'NODES':
        return yield* nodesSlices(view, protocol, meter);
      case 'SHARDS':
        return yield* shardsSlices(view, protocol, meter);
      case 'SLOTS':
        return yield* slotsSlices(view, protocol, meter);
    }
  }
}
