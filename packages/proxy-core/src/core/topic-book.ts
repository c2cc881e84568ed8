import type { NodeAddress } from '@undermoon/cluster-meta';
import { matchesGlob } from './glob.ts';
import type { TopicKind } from './subscriptions.ts';

/** One channel or pattern, and who wants it. */
export interface Topic<S> {
  readonly kind: TopicKind;
  /** One character per byte. */
  readonly name: string;
  /** Clients whose subscription is confirmed: they get its messages. */
  readonly members: Set<S>;
  /** The same for other proxies. */
  readonly links: Set<S>;
  /** Subscriptions, confirmed or not. */
  interest: number;
  /** Those of them that are for all servers of the cluster. */
  wideInterest: number;
  /** Whether the servers of this proxy, and the other proxies, are asked for it. Not of shard channels. */
  isAtOwn: boolean;
  isAtPeers: boolean;
  /** Of a shard channel: the server or proxy that is asked for it; null: none. */
  owner: NodeAddress | null;
}

/** Who subscribed to what, for all clients of one loop. */
export class TopicBook<S> {
  readonly #topics: { readonly [K in TopicKind]: Map<string, Topic<S>> } = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };
  /** Topics with members. */
  readonly #shown = { channel: 0, pattern: 0, shard: 0 };

  find(kind: TopicKind, name: string): Topic<S> | undefined {
    return this.#topics[kind].get(name);
  }

  all(kind: TopicKind): Iterable<Topic<S>> {
    return this.#topics[kind].values();
  }

  /** Someone is about to subscribe. */
  enter(kind: TopicKind, name: string, isWide: boolean): Topic<S> {
    let topic = this.#topics[kind].get(name);
    if (topic === undefined) {
      topic = {
        kind,
        name,
        members: new Set(),
        links: new Set(),
        interest: 0,
        wideInterest: 0,
        isAtOwn: false,
        isAtPeers: false,
        owner: null,
      };
      this.#topics[kind].set(name, topic);
    }
    topic.interest++;
    if (isWide) topic.wideInterest++;
    return topic;
  }

  /** The counterpart of `enter`. A topic that nobody wants any more is forgotten. */
  leave(topic: Topic<S>, isWide: boolean): void {
    topic.interest--;
    if (isWide) topic.wideInterest--;
    if (topic.interest === 0) this.#topics[topic.kind].delete(topic.name);
  }

  /** The subscription is confirmed. */
  join(topic: Topic<S>, subscriber: S, isLink: boolean): void {
    if (isLink) topic.links.add(subscriber);
    else {
      if (topic.members.size === 0) this.#shown[topic.kind]++;
      topic.members.add(subscriber);
    }
  }

  /** The counterpart of `join`. */
  part(topic: Topic<S>, subscriber: S): void {
    topic.links.delete(subscriber);
    if (topic.members.delete(subscriber) && topic.members.size === 0) this.#shown[topic.kind]--;
  }

  /** How many topics of a kind have clients. */
  shownCount(kind: TopicKind): number {
    return this.#shown[kind];
  }

  /** The topics of a kind that have clients, and, unless null, match a pattern. */
  shownNames(kind: TopicKind, pattern: string | null): string[] {
    const names: string[] = [];
    for (const { name, members } of this.#topics[kind].values()) {
      if (members.size > 0 && (pattern === null || matchesGlob(pattern, name))) names.push(name);
    }
    return names;
  }

  memberCount(kind: TopicKind, name: string): number {
    return this.#topics[kind].get(name)?.members.size ?? 0;
  }

  /** How many times clients get a message to a channel: once for the channel, and once for each pattern. */
  receiverCount(channel: string): number {
    let count = this.memberCount('channel', channel);
    if (this.#shown.pattern === 0) return count;
    for (const { name, members } of this.#topics.pattern.values()) {
      if (members.size > 0 && matchesGlob(name, channel)) count += members.size;
    }
    return count;
  }
}
