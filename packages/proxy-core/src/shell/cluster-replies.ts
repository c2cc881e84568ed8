import type { Buffer } from 'node:buffer';
import {
  finishSlices,
  SliceMeter,
  type ListedReplica,
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
  isFollowing,
  replicaLinksOf,
  slotOwnersOf,
  type ClusterView,
} from '../core/cluster-view.ts';
import { metadataSlices } from '../core/metadata-rendering.ts';
import { nodeIdOf, shardIdOf, type Sha1Hex } from '../core/node-id.ts';
import type { RoutingTable } from '../core/routing-table.ts';

/**
 * Replies, or parts of replies, that depend on nothing but the metadata and the protocol version. REPLICA NODES is
 * CLUSTER NODES at the address as a replica.
 */
export type RenderedReply = 'METADATA' | 'NODES' | 'REPLICA NODES' | 'SHARDS' | 'SLOTS';

/** The addresses of one proxy, as clients see them. */
export interface OwnAddresses {
  readonly address: NodeAddress;
  /** The one as a replica; null: it has none. */
  readonly replicaAddress: NodeAddress | null;
}

/** What was made of one piece of metadata so far. */
export interface DrawnReplies {
  readonly table: RoutingTable;
  readonly links: readonly ListedReplica[];
  readonly rendered: Map<string, Buffer>;
  /** Ids that were asked for. */
  readonly ids: Map<NodeAddress, string>;
  view: ClusterView | null;
}

/** The CLUSTER replies of one proxy: drawn once per piece of metadata, written once per protocol version. */
export class ClusterReplies {
  readonly #self: NodeAddress;
  readonly #sha1Hex: Sha1Hex;
  readonly #replicaAddress: NodeAddress | null;
  /** What the roles of the servers beside this proxy tell, where the metadata does not. */
  #links: readonly ListedReplica[] = [];
  #drawn: DrawnReplies | null = null;

  constructor({ address, replicaAddress }: OwnAddresses, sha1Hex: Sha1Hex) {
    this.#self = address;
    this.#replicaAddress = replicaAddress;
    this.#sha1Hex = sha1Hex;
  }

  /** Takes the wanted roles of the servers beside this proxy: they tell which proxies hold copies. */
  setRoles(entries: readonly ReplEntry[]): void {
    this.#links = replicaLinksOf(entries, this.#self);
  }

  /** What belongs to this table and the roles of now. */
  drawnOf(table: RoutingTable): DrawnReplies {
    const known = this.#drawn;
    const links = this.#linksOf(table);
    if (known !== null && known.table === table && known.links === links) return known;
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
      const id = used.get(address) ?? drawn.ids.get(address) ?? nodeIdOf(address, this.#sha1Hex);
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
    return renderClusterInfo({ table, self: this.#self, links: this.#linksOf(table) }, protocol);
  }

  /** Slots that have an owner. */
  coveredCount(table: RoutingTable): number {
    return slotOwnersOf(table, this.#self).coveredCount;
  }

  /**
   * The id of the node that clients of the cluster port, or of the address as a replica, have reached. That address
   * is a node while it is listed.
   */
  selfIdIn(table: RoutingTable, isReplicaPort = false): string {
    // Only what is listed may need a pass over the table.
    const self = isReplicaPort ? this.#reachedIn(table, true).self : this.#self;
    return nodeIdOf(self, this.#sha1Hex);
  }

  /** The id of the shard that this node belongs to. */
  shardIdIn(table: RoutingTable, isReplicaPort = false): string {
    const { self, master } = this.#reachedIn(table, isReplicaPort);
    return shardIdOf(master ?? self, this.#sha1Hex);
  }

  /** A reply at once, however long it takes. */
  bytesOf(table: RoutingTable, kind: RenderedReply, protocol: RespProtocol): Buffer {
    return finishSlices(this.slices(this.drawnOf(table), kind, protocol, new SliceMeter()));
  }

  #linksOf(table: RoutingTable): readonly ListedReplica[] {
    return table.listed ?? this.#links;
  }

  #reachedIn(
    table: RoutingTable,
    isReplicaPort: boolean,
  ): { readonly self: NodeAddress; readonly master: NodeAddress | null } {
    const owners = slotOwnersOf(table, this.#self);
    const links = this.#linksOf(table);
    const masterOf = (replica: NodeAddress): NodeAddress | null =>
      links.find((link) => link.address === replica && isFollowing(link, owners))?.master ?? null;
    const replica = this.#replicaAddress;
    if (isReplicaPort && replica !== null) {
      const master = masterOf(replica);
      if (master !== null) return { self: replica, master };
    }
    return { self: this.#self, master: masterOf(this.#self) };
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
      case 'REPLICA NODES': {
        const selfId = this.selfIdIn(drawn.table, kind === 'REPLICA NODES');
        return yield* nodesSlices(view, { protocol, selfId }, meter);
      }
      case 'SHARDS':
        return yield* shardsSlices(view, protocol, meter);
      case 'SLOTS':
        return yield* slotsSlices(view, protocol, meter);
    }
  }
}
