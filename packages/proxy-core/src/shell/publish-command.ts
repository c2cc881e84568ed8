import { encodeCommand } from '@undermoon/resp';
import { REPLY_SLOT_DOWN, unreachableReply } from '../core/replies.ts';
import type { TopicBook } from '../core/topic-book.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { BackendLoss, CommandOwner } from './lost-replies.ts';
import type { Client, Span } from './proxy-context.ts';
import { connectionFor } from './server-connection.ts';

const ERROR_MARKER = 0x2d;
const INTEGERS_KEPT = 256;
const KEPT: readonly Buffer[] = Array.from({ length: INTEGERS_KEPT }, (_, value) =>
  Buffer.from(`:${value}\r\n`),
);

/** PUBLISH: to one server of the proxy, of which every proxy of the cluster hears. */
export function publish(client: Client, span: Span, channel: Buffer, message: Buffer): void {
  const { pubsub } = client.context;
  const route = pubsub.publishRoute(channel);
  if (route === null) {
    client.reply(REPLY_SLOT_DOWN);
    return;
  }
  const reply = new PublishReply(client, receiversHere(pubsub.book, channel, false), false);
  if (!route.isPeer) send(client, route.group, span, reply);
  else {
    const bytes = encodeCommand(['UMCTL', 'PUBSUB', 'PUBLISH', channel, message]);
    send(client, route.group, { bytes, start: 0, end: bytes.length }, reply);
  }
}

/** SPUBLISH, to the server of the channel's slot. */
export function publishSharded(client: Client, span: Span, channel: Buffer, slot: number): void {
  const { context } = client;
  const target = context.owners.slots[slot] ?? -1;
  const group = context.groups[target];
  if (group === undefined) {
    client.reply(REPLY_SLOT_DOWN);
    return;
  }
  // The owner counts those that subscribed there, and does not count this proxy among them.
  const isPeer = target >= context.owners.peerStart;
  const reply = new PublishReply(client, receiversHere(context.pubsub.book, channel, true), isPeer);
  send(client, group, span, reply);
}

/** What another proxy, which has no server, was asked to publish. */
export function publishForPeer(client: Client, channel: Buffer, message: Buffer): void {
  const { pubsub } = client.context;
  const route = pubsub.publishRoute(channel);
  // It is not passed on again: two proxies could take each other for the owner.
  if (route === null || route.isPeer) {
    client.reply(REPLY_SLOT_DOWN);
    return;
  }
  const bytes = encodeCommand(['PUBLISH', channel, message]);
  const reply = new PublishReply(client, receiversHere(pubsub.book, channel, false), false);
  send(client, route.group, { bytes, start: 0, end: bytes.length }, reply);
}

/** How many times clients of this loop get a message. */
export function receiversHere(
  book: TopicBook<Client>,
  channel: Buffer,
  isSharded: boolean,
): number {
  if (isSharded) {
    if (book.shownCount('shard') === 0) return 0;
    return book.memberCount('shard', channel.toString('latin1'));
  }
  if (book.shownCount('channel') + book.shownCount('pattern') === 0) return 0;
  return book.receiverCount(channel.toString('latin1'));
}

/** An integer reply. */
export function integerBytes(value: number): Buffer {
  return KEPT[value] ?? Buffer.from(`:${value}\r\n`);
}

function send(client: Client, group: BackendGroup, span: Span, reply: PublishReply): void {
  const backend = connectionFor(client, group);
  if (backend.request(reply, 1, false, span.bytes, span.start, span.end)) client.owe(backend);
  else client.reply(unreachableReply(group.address));
}

/** Replaces the number of proxies that hear of a message, which is what the server counts, by that of clients. */
class PublishReply implements ReplySink {
  readonly owner: CommandOwner<BackendConnection, ReplySink>;
  readonly unitSize = 1;
  readonly #client: Client;
  readonly #count: number;
  /** The server's own number counts too. */
  readonly #isAdded: boolean;
  #isError: boolean | null = null;
  #number = '';

  constructor(client: Client, count: number, isAdded: boolean) {
    this.owner = client.owner;
    this.#client = client;
    this.#count = count;
    this.#isAdded = isAdded;
  }

  onReplyBytes(
    source: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    this.#isError ??= bytes[start] === ERROR_MARKER;
    if (this.#isError) {
      this.#client.onReplyBytes(source, bytes, start, end, completed);
      return;
    }
    if (this.#isAdded) this.#number += bytes.toString('latin1', start, end);
    if (completed === 0) return;
    const added = this.#isAdded ? Number(this.#number.slice(1)) : 0;
    const reply = integerBytes(this.#count + (Number.isNaN(added) ? 0 : added));
    this.#client.onReplyBytes(source, reply, 0, reply.length, 1);
  }

  onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss, isCut: boolean): void {
    this.#client.onReplyLoss(source, count, loss, isCut && this.#isError === true);
  }

  onBackendRoom(): void {
    this.#client.onBackendRoom();
  }
}
