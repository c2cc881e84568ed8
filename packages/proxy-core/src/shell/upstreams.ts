import type { NodeAddress } from '@undermoon/cluster-meta';
import { keySlot } from '@undermoon/slots';
import { peerIndexOf, type RoutingTable, SLOT_UNCOVERED } from '../core/routing-table.ts';
import type { Topic, TopicBook } from '../core/topic-book.ts';
import type { BackendEndpoint } from './backend-connection.ts';
import type { DataLoop } from './data-loop.ts';
import {
  type LinkOwner,
  type MessageSpan,
  type TopicName,
  UpstreamLink,
  type UpstreamOptions,
} from './upstream-link.ts';

const SHARD_RETRY_MS = 500;

/** How servers and proxies are reached. */
export interface UpstreamsOptions extends Omit<UpstreamOptions, keyof BackendEndpoint | 'address'> {
  readonly endpointOf: (address: NodeAddress) => BackendEndpoint;
  /** How long a link stays open of which nothing is wanted. */
  readonly idleMs: number;
}

/** Who hears of it. */
export interface UpstreamsListener {
  onMessage(link: UpstreamLink, bytes: Buffer, span: MessageSpan): void;
  onDropped(): void;
  onLost(): void;
}

/**
 * The links of one loop: to each Redis server of the proxy while anything is subscribed to, and to each other proxy
 * while anyone wants messages from the whole cluster. A shard channel is asked for where its slot is served.
 */
export class Upstreams<S> implements LinkOwner {
  readonly #loop: DataLoop;
  readonly #options: UpstreamsOptions;
  readonly #book: TopicBook<S>;
  readonly #listener: UpstreamsListener;
  readonly #links = new Map<NodeAddress, UpstreamLink>();
  #table: RoutingTable | null = null;
  /** Topics, shard channels apart, that are wanted of the own servers and of the other proxies. */
  #ownCount = 0;
  #peerCount = 0;
  /** A shard channel has no server. */
  #hasUnplaced = false;
  #placedMs = 0;

  constructor(
    loop: DataLoop,
    options: UpstreamsOptions,
    parts: { readonly book: TopicBook<S>; readonly listener: UpstreamsListener },
  ) {
    this.#loop = loop;
    this.#options = options;
    this.#book = parts.book;
    this.#listener = parts.listener;
  }

  get linkCount(): number {
    return this.#links.size;
  }

  get readyCount(): number {
    let count = 0;
    for (const link of this.#links.values()) if (link.isReady) count++;
    return count;
  }

  /** The servers, or the other proxies, are others now. Shard channels are to be seen to after that. */
  useTable(table: RoutingTable): void {
    this.#table = table;
    const own = this.#targets(false);
    const peers = this.#targets(true);
    const known = new Set([...own, ...peers]);
    for (const [address, link] of this.#links) {
      if (!known.has(address)) this.#end(address, link);
    }
    if (this.#ownCount > 0) for (const address of own) this.#link(address, false);
    if (this.#peerCount > 0) for (const address of peers) this.#link(address, true);
  }

  /** What is wanted of a topic may have changed. */
  see(topic: Topic<S>): void {
    if (topic.kind === 'shard') {
      this.#place(topic);
      return;
    }
    const isAtOwn = topic.interest > 0;
    if (isAtOwn !== topic.isAtOwn) {
      topic.isAtOwn = isAtOwn;
      if (isAtOwn && this.#ownCount === 0) {
        for (const address of this.#targets(false)) this.#link(address, false);
      }
      this.#ownCount += isAtOwn ? 1 : -1;
      this.#tell(topic, isAtOwn, false);
    }
    const isAtPeers = topic.wideInterest > 0;
    if (isAtPeers === topic.isAtPeers) return;
    topic.isAtPeers = isAtPeers;
    if (isAtPeers && this.#peerCount === 0) {
      for (const address of this.#targets(true)) this.#link(address, true);
    }
    this.#peerCount += isAtPeers ? 1 : -1;
    this.#tell(topic, isAtPeers, true);
  }

  /**
   * Calls `done`, later, when all who can be reached have confirmed what was asked of them for these topics. False:
   * they have.
   */
  awaitAnswers(topics: readonly Topic<S>[], done: () => void): boolean {
    const isAtOwn = topics.some((topic) => topic.isAtOwn);
    const isAtPeers = topics.some((topic) => topic.isAtPeers);
    const owners = new Set(topics.map(({ owner }) => owner));
    let left = 0;
    const onAnswers = (): void => {
      left--;
      if (left === 0) done();
    };
    for (const [address, link] of this.#links) {
      const isAsked = owners.has(address) || (link.options.isPeer ? isAtPeers : isAtOwn);
      if (isAsked && link.awaitAnswers(onAnswers)) left++;
    }
    return left > 0;
  }

  /** Called by the coarse timer. */
  tick(): void {
    const { nowMs } = this.#loop;
    for (const [address, link] of this.#links) {
      link.tick();
      if (link.wanted > 0) link.idleSinceMs = nowMs;
      else if (nowMs - link.idleSinceMs >= this.#options.idleMs) this.#end(address, link);
    }
    if (!this.#hasUnplaced || nowMs - this.#placedMs < SHARD_RETRY_MS) return;
    this.#hasUnplaced = false;
    this.#placedMs = nowMs;
    for (const topic of this.#book.all('shard')) if (topic.owner === null) this.#place(topic);
  }

  destroy(): void {
    for (const [address, link] of this.#links) this.#end(address, link);
  }

  onReady(link: UpstreamLink): void {
    const { address, isPeer } = link.options;
    for (const kind of ['channel', 'pattern'] as const) {
      for (const topic of this.#book.all(kind)) {
        if (isPeer ? topic.isAtPeers : topic.isAtOwn) link.ask(topic, true);
      }
    }
    for (const topic of this.#book.all('shard')) {
      if (topic.owner === address) link.ask(topic, true);
    }
  }

  onMessage(link: UpstreamLink, bytes: Buffer, span: MessageSpan): void {
    this.#listener.onMessage(link, bytes, span);
  }

  onRefused(link: UpstreamLink, { kind, name }: TopicName): void {
    const topic = kind === 'shard' ? this.#book.find(kind, name) : undefined;
    if (topic === undefined || topic.owner !== link.options.address) return;
    // Its slot is elsewhere, of which this proxy is yet to hear.
    topic.owner = null;
    link.wanted--;
    this.#hasUnplaced = true;
  }

  onDropped(link: UpstreamLink): void {
    const { address } = link.options;
    this.#options.logger.warn({ address }, 'a published message is too long and was dropped');
    this.#listener.onDropped();
  }

  onLost(link: UpstreamLink): void {
    const { address } = link.options;
    this.#options.logger.warn({ address }, 'the connection for subscriptions was lost');
    this.#listener.onLost();
  }

  #targets(isPeer: boolean): readonly NodeAddress[] {
    const table = this.#table;
    if (table === null) return [];
    return isPeer ? table.peers.map(({ address }) => address) : table.localNodes;
  }

  #tell(topic: Topic<S>, isOn: boolean, isPeer: boolean): void {
    for (const link of this.#links.values()) {
      if (link.options.isPeer === isPeer) this.#want(link, topic, isOn);
    }
  }

  #want(link: UpstreamLink, topic: Topic<S>, isOn: boolean): void {
    link.wanted += isOn ? 1 : -1;
    link.ask(topic, isOn);
  }

  /** Asks for a shard channel where its slot is served, and no longer where it was. */
  #place(topic: Topic<S>): void {
    const target = topic.interest > 0 ? this.#ownerOf(topic.name) : null;
    if (target === null && topic.interest > 0) this.#hasUnplaced = true;
    if (topic.owner === target) {
      // A link may have been ended with the table and be there again.
      if (target === null || this.#links.has(target)) return;
    }
    const former = topic.owner === null ? undefined : this.#links.get(topic.owner);
    if (former !== undefined) this.#want(former, topic, false);
    topic.owner = target;
    if (target === null) return;
    const isPeer = !(this.#table?.localNodes.includes(target) ?? false);
    this.#want(this.#link(target, isPeer), topic, true);
  }

  #ownerOf(name: string): NodeAddress | null {
    const channel = Buffer.from(name, 'latin1');
    const table = this.#table;
    const value = table?.slots[keySlot(channel, 0, channel.length)] ?? SLOT_UNCOVERED;
    if (table === null || value === SLOT_UNCOVERED) return null;
    if (value >= 0) return table.localNodes[value] ?? null;
    return table.peers[peerIndexOf(value)]?.address ?? null;
  }

  #link(address: NodeAddress, isPeer: boolean): UpstreamLink {
    const known = this.#links.get(address);
    if (known !== undefined) return known;
    const options = { ...this.#options, ...this.#options.endpointOf(address), address, isPeer };
    const link = new UpstreamLink(this.#loop, options, this);
    link.wanted = isPeer ? this.#peerCount : this.#ownCount;
    link.idleSinceMs = this.#loop.nowMs;
    this.#links.set(address, link);
    return link;
  }

  #end(address: NodeAddress, link: UpstreamLink): void {
    this.#links.delete(address);
    link.destroy();
  }
}
