import { keySlot } from '@undermoon/slots';
import { RespWriter } from '@undermoon/resp';
import { asPush, subscriptionWord, writeConfirmation } from '../core/pubsub-frames.ts';
import { isClusterWide, isKeyspaceChannel, WAIT_CHANNEL } from '../core/pubsub-scope.ts';
import { errorReply } from '../core/replies.ts';
import type { RoutingTable } from '../core/routing-table.ts';
import { Subscriptions, type TopicKind } from '../core/subscriptions.ts';
import { type Topic, TopicBook } from '../core/topic-book.ts';
import type { PubsubStats } from '../core/info.ts';
import type { ProxyOptions } from '../options.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { DataLoop } from './data-loop.ts';
import { PUBSUB_LINKS_LOST, PUBSUB_MESSAGES_DROPPED } from './loop-counters.ts';
import type { Client, PublishRoute, Pubsub } from './proxy-context.ts';
import { slotRefusal } from './slot-refusal.ts';
import type { MessageSpan, UpstreamLink } from './upstream-link.ts';
import { Upstreams, type UpstreamsListener, type UpstreamsOptions } from './upstreams.ts';

const EMPTY = Buffer.alloc(0);
const TOO_MANY = errorReply('ERR max number of subscriptions reached');
const TOO_MANY_OF_CLIENT = errorReply('ERR max number of subscriptions of this client reached');

export interface PubsubHubOptions extends UpstreamsOptions {
  readonly perClientMax: number;
  /** Of all clients of the loop together. */
  readonly subscriptionsMax: number;
}

/** What the proxy's options say of it. */
export function pubsubOptionsOf(
  options: ProxyOptions,
): Pick<PubsubHubOptions, 'perClientMax' | 'subscriptionsMax' | 'messageBytesMax' | 'idleMs'> {
  return {
    perClientMax: options.subscriptionsPerClientMax,
    subscriptionsMax: options.subscriptionsMax,
    messageBytesMax: options.pubsubMessageBytesMax,
    idleMs: options.dedicatedIdleMs,
  };
}

/** Publish and subscribe for the clients of one loop. */
export class PubsubHub implements Pubsub, UpstreamsListener {
  readonly #options: PubsubHubOptions;
  readonly #counters: Float64Array;
  readonly book: TopicBook<Client> = new TopicBook<Client>();
  readonly #upstreams: Upstreams<Client>;
  /** Subscriptions in all, and clients that have any. */
  #subscriptionCount = 0;
  #clientCount = 0;
  #routes: RoutingTable | null = null;
  #groups: readonly BackendGroup[] = [];

  constructor(loop: DataLoop, options: PubsubHubOptions, counters: Float64Array) {
    this.#options = options;
    this.#counters = counters;
    const parts = { book: this.book, listener: this };
    this.#upstreams = new Upstreams(loop, options, parts);
  }

  stats(): PubsubStats {
    return {
      channelCount: this.book.shownCount('channel'),
      patternCount: this.book.shownCount('pattern'),
      shardChannelCount: this.book.shownCount('shard'),
      clientCount: this.#clientCount,
      linkCount: this.#upstreams.linkCount,
      readyLinkCount: this.#upstreams.readyCount,
    };
  }

  publishRoute(channel: Buffer): PublishRoute | null {
    const routes = this.#routes;
    if (routes === null) return null;
    const isPeer = routes.peerStart === 0;
    const index = isPeer ? (routes.slots[keySlot(channel, 0, channel.length)] ?? -1) : 0;
    const group = this.#groups[index];
    return group === undefined ? null : { group, isPeer };
  }

  /**
   * The table is a new one. `routes` and `groups`: where messages are published; without own servers, the other
   * proxies are among them.
   */
  useTable(table: RoutingTable, routes: RoutingTable, groups: readonly BackendGroup[]): void {
    this.#routes = routes;
    this.#groups = groups;
    this.#upstreams.useTable(table);
    for (const topic of this.book.all('shard')) {
      const slot = slotOf(topic.name);
      if ((table.slots[slot] ?? -1) < 0) this.#evict(topic);
      this.#upstreams.see(topic);
    }
  }

  subscribe(client: Client, kind: TopicKind, names: readonly string[]): void {
    const added = [...new Set(names)].filter(
      (name) => client.session.subscriptions?.[kind].has(name) !== true,
    );
    const refusal = this.#limitRefusal(client, added.length);
    if (refusal !== null) {
      client.reply(refusal);
      return;
    }
    this.#subscriptionCount += added.length;
    const topics = added.map((name) => {
      const topic = this.book.enter(kind, name, isWide(client, kind, name));
      this.#upstreams.see(topic);
      return topic;
    });
    const isWaiting = this.#upstreams.awaitAnswers(topics, () => {
      this.#confirm(client, kind, names, topics);
      client.replyDeferred(EMPTY);
    });
    if (isWaiting) client.deferReply();
    else this.#confirm(client, kind, names, topics);
  }

  unsubscribe(client: Client, kind: TopicKind, names: readonly string[]): void {
    client.push(this.endSubscriptions(client, kind, names));
    client.flushPushes();
  }

  endSubscriptions(client: Client, kind: TopicKind, names: readonly string[]): Buffer {
    const { session } = client;
    const subscribed = session.subscriptions;
    const all = names.length > 0 ? names : [...(subscribed?.[kind] ?? [])];
    const writer = new RespWriter(session.protocol);
    const word = subscriptionWord(kind, false);
    for (const name of all) {
      if (subscribed?.[kind].has(name) === true) this.#end(client, subscribed, kind, name);
      writeConfirmation(writer, word, name, subscribed?.shownCount(kind) ?? 0);
    }
    if (all.length === 0) {
      writeConfirmation(writer, word, null, subscribed?.shownCount(kind) ?? 0);
    }
    this.#noteChange(client, subscribed);
    return writer.take();
  }

  forget(client: Client): void {
    const { subscriptions } = client.session;
    if (subscriptions === null) return;
    for (const kind of ['channel', 'pattern', 'shard'] as const) {
      for (const name of subscriptions[kind]) this.#end(client, subscriptions, kind, name);
    }
    this.#noteChange(client, subscriptions);
  }

  /** Called by the coarse timer. */
  tick(): void {
    this.#upstreams.tick();
  }

  destroy(): void {
    this.#upstreams.destroy();
  }

  onMessage(link: UpstreamLink, bytes: Buffer, { start, end, parts }: MessageSpan): void {
    const { kind } = parts;
    const channel = bytes.toString('latin1', parts.channelStart, parts.channelEnd);
    const name =
      kind === 'pattern' ? bytes.toString('latin1', parts.nameStart, parts.nameEnd) : channel;
    const topic = this.book.find(kind, name);
    if (topic === undefined || channel === WAIT_CHANNEL) return;
    const { isPeer } = link.options;
    const frames = new SharedFrame(bytes, start, end);
    const isForeignEvent = isPeer && kind !== 'shard' && isKeyspaceChannel(channel);
    for (const client of topic.members) {
      if (!isForeignEvent || client.context.isPlain) client.push(frames.of(client));
    }
    if (isPeer) return;
    for (const client of topic.links) client.push(frames.of(client));
  }

  onDropped(): void {
    this.#count(PUBSUB_MESSAGES_DROPPED);
  }

  onLost(): void {
    this.#count(PUBSUB_LINKS_LOST);
  }

  #count(counter: number): void {
    this.#counters[counter] = (this.#counters[counter] ?? 0) + 1;
  }

  #limitRefusal({ session }: Client, added: number): Buffer | null {
    const { perClientMax, subscriptionsMax } = this.#options;
    const ofClient = (session.subscriptions?.count ?? 0) + added;
    // Another proxy asks for all its clients together.
    if (session.isPeerLink) return ofClient > subscriptionsMax ? TOO_MANY : null;
    if (ofClient > perClientMax) return TOO_MANY_OF_CLIENT;
    return this.#subscriptionCount + added > subscriptionsMax ? TOO_MANY : null;
  }

  /** From now on the client gets messages of these topics. */
  #confirm(
    client: Client,
    kind: TopicKind,
    names: readonly string[],
    topics: readonly Topic<Client>[],
  ): void {
    const { session } = client;
    const refusal = client.isClosed ? EMPTY : shardRefusal(client, kind, names);
    if (refusal !== null) {
      for (const topic of topics) this.#leave(client, topic);
      if (refusal.length > 0) client.push(refusal);
      client.flushPushes();
      return;
    }
    const subscriptions = session.subscriptions ?? new Subscriptions();
    if (session.subscriptions === null && !session.isPeerLink) this.#clientCount++;
    session.subscriptions = subscriptions;
    for (const topic of topics) this.book.join(topic, client, session.isPeerLink);
    const writer = new RespWriter(session.protocol);
    for (const name of names) {
      subscriptions[kind].add(name);
      const count = subscriptions.shownCount(kind);
      writeConfirmation(writer, subscriptionWord(kind, true), name, count);
    }
    session.noteSubscriptions();
    client.push(writer.take());
    client.flushPushes();
  }

  #end(client: Client, subscriptions: Subscriptions, kind: TopicKind, name: string): void {
    subscriptions[kind].delete(name);
    const topic = this.book.find(kind, name);
    if (topic === undefined) return;
    this.book.part(topic, client);
    this.#leave(client, topic);
  }

  #leave(client: Client, topic: Topic<Client>): void {
    this.#subscriptionCount--;
    this.book.leave(topic, isWide(client, topic.kind, topic.name));
    this.#upstreams.see(topic);
  }

  #noteChange({ session }: Client, before: Subscriptions | null): void {
    session.noteSubscriptions();
    if (before !== null && session.subscriptions === null && !session.isPeerLink) {
      this.#clientCount--;
    }
  }

  /** The slot of a shard channel is served elsewhere now: clients that see the cluster are to subscribe there. */
  #evict(topic: Topic<Client>): void {
    const { name } = topic;
    for (const client of [...topic.members, ...topic.links]) {
      const { subscriptions } = client.session;
      if ((client.context.isPlain && !client.session.isPeerLink) || subscriptions === null)
        continue;
      this.#end(client, subscriptions, 'shard', name);
      const writer = new RespWriter(client.session.protocol);
      const word = subscriptionWord('shard', false);
      writeConfirmation(writer, word, name, subscriptions.shownCount('shard'));
      this.#noteChange(client, subscriptions);
      client.push(writer.take());
    }
  }
}

/** A message in the form of each protocol, made when the first client wants it. */
class SharedFrame {
  readonly #frame: Buffer;
  #push: Buffer | null = null;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#frame = Buffer.allocUnsafe(end - start);
    bytes.copy(this.#frame, 0, start, end);
  }

  of({ session }: Client): Buffer {
    return session.protocol === 2 ? this.#frame : (this.#push ??= asPush(this.#frame));
  }
}

function isWide({ context, session }: Client, kind: TopicKind, name: string): boolean {
  return isClusterWide(kind, name, { isPlain: context.isPlain, isPeerLink: session.isPeerLink });
}

function slotOf(name: string): number {
  const channel = Buffer.from(name, 'latin1');
  return keySlot(channel, 0, channel.length);
}

/** The slot may have gone while the subscription was on its way. */
function shardRefusal(
  { context }: Client,
  kind: TopicKind,
  names: readonly string[],
): Buffer | null {
  const [name] = names;
  return kind === 'shard' && name !== undefined ? slotRefusal(context, slotOf(name), true) : null;
}
