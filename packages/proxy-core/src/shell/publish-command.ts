import { encodeCommand } from '@undermoon/resp';
import { redirectionOf } from '../core/redirection.ts';
import { REPLY_SLOT_DOWN, unreachableReply } from '../core/replies.ts';
import type { TopicBook } from '../core/topic-book.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { BackendLoss, CommandOwner } from './lost-replies.ts';
import { NOT_KEPT } from './followed-replies.ts';
import type { Client, KeepingSink, Span } from './proxy-context.ts';
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
  const reply = new PublishReply(client, receiversHere(pubsub.book, channel, false));
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
  const isPeer = target >= context.owners.peerStart;
  const kept = isPeer ? KeptCommand.of(client, span) : null;
  const count = receiversHere(context.pubsub.book, channel, true);
  send(client, group, span, new PublishReply(client, count, true, kept));
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
  const reply = new PublishReply(client, receiversHere(pubsub.book, channel, false));
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

/** A command that is kept until its reply shows that it need not be sent again. */
class KeptCommand {
  readonly bytes: Buffer;
  readonly #client: Client;

  /** Null: there is no room. */
  static of(client: Client, { bytes, start, end }: Span): KeptCommand | null {
    const { redirects, options } = client.context;
    if (redirects.keptBytes + end - start > options.redirectBytesMax) return null;
    return new KeptCommand(client, Buffer.from(bytes.subarray(start, end)));
  }

  private constructor(client: Client, bytes: Buffer) {
    this.#client = client;
    this.bytes = bytes;
    client.context.redirects.keptBytes += bytes.length;
  }

  release(): void {
    this.#client.context.redirects.keptBytes -= this.bytes.length;
  }
}

/** Replaces the number of proxies that hear of a message, which is what the server counts, by that of clients. */
class PublishReply implements ReplySink {
  readonly owner: CommandOwner<BackendConnection, ReplySink>;
  readonly unitSize = 1;
  readonly #client: Client;
  readonly #count: number;
  readonly #isSharded: boolean;
  #kept: KeptCommand | null;
  #isError: boolean | null = null;
  /** What another proxy has sent of the reply. */
  #pieces: Buffer[] = [];

  /** `kept`: what is sent on if another proxy redirects it, for the plain port. */
  constructor(client: Client, count: number, isSharded = false, kept: KeptCommand | null = null) {
    this.owner = client.owner;
    this.#client = client;
    this.#count = count;
    this.#isSharded = isSharded;
    this.#kept = kept;
  }

  onReplyBytes(
    source: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    if (source.options.isPeer) {
      this.#pieces.push(Buffer.from(bytes.subarray(start, end)));
      if (completed > 0) this.#takeFromPeer(source);
      return;
    }
    this.#isError ??= bytes[start] === ERROR_MARKER;
    const reply = this.#isError ? null : integerBytes(this.#count);
    if (reply === null) this.#client.onReplyBytes(source, bytes, start, end, completed);
    else if (completed > 0) this.#client.onReplyBytes(source, reply, 0, reply.length, 1);
    if (completed > 0) this.#release();
  }

  onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss, isCut: boolean): void {
    this.#release();
    this.#pieces = [];
    if (source.options.isPeer) this.#repliesOf(source).lose(source, loss);
    else this.#client.onReplyLoss(source, count, loss, isCut && this.#isError === true);
  }

  onBackendRoom(): void {
    this.#client.onBackendRoom();
  }

  /** In its place among the replies of that proxy, which may wait for one that was redirected. */
  #takeFromPeer(source: BackendConnection): void {
    const reply = Buffer.concat(this.#pieces);
    const command = this.#kept?.bytes ?? null;
    this.#pieces = [];
    this.#release();
    this.#repliesOf(source).take(source, { reply, command }, (last, isFromPeer) =>
      this.#finished(last, isFromPeer),
    );
  }

  #finished(reply: Buffer, isFromPeer: boolean): Buffer {
    if (reply[0] === ERROR_MARKER) return this.#isSharded && isMoved(reply) ? NOT_KEPT : reply;
    // The owner counts those that subscribed there, and does not count this proxy among them.
    const added = isFromPeer && this.#isSharded ? Number(reply.toString('latin1', 1)) : 0;
    return integerBytes(this.#count + (Number.isNaN(added) ? 0 : added));
  }

  #repliesOf(source: BackendConnection): KeepingSink {
    return this.#client.context.redirects.repliesOf(this.#client, source);
  }

  #release(): void {
    this.#kept?.release();
    this.#kept = null;
  }
}

function isMoved(reply: Buffer): boolean {
  const redirection = redirectionOf(reply);
  return redirection !== null && redirection.named !== null;
}
