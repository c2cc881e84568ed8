import type { NodeAddress } from '@undermoon/cluster-meta';
import type { Logger } from '@undermoon/runtime';
import { encodeCommand, ValueDecoder } from '@undermoon/resp';
import { AnswerQueue } from '../core/answer-queue.ts';
import { FrameSplitter } from '../core/frame-splitter.ts';
import {
  MessageParts,
  parseSubscriptionWord,
  readMessage,
  subscriptionWord,
} from '../core/pubsub-frames.ts';
import type { TopicKind } from '../core/subscriptions.ts';
import { type BackendEndpoint, connectTargetOf } from './backend-connection.ts';
import { BackendGreeting, warnRefused } from './backend-greeting.ts';
import type { DataLoop } from './data-loop.ts';
import type { ReplyTimeout } from './reply-timeout.ts';
import type { ConnectHandler, Transport } from './transport.ts';
import type { TurnFlush } from './turn-flush.ts';

/** What another proxy hears first, so that it passes on only what its own servers publish. */
const LINK_COMMAND: readonly string[] = ['UMCTL', 'PUBSUB', 'LINK'];
/** What a server hears first: a replica repeats what its master, which has another link, sends as well. */
const ROLE_COMMAND: readonly string[] = ['ROLE'];

const PING = encodeCommand(['PING']);
const RETRY_GROWS_MAX = 6;
/** A connection that was up for less is not opened again at once. */
const STEADY_MS = 1000;

export interface UpstreamOptions extends BackendEndpoint {
  readonly address: NodeAddress;
  /** Another proxy, not a Redis server of this one. */
  readonly isPeer: boolean;
  readonly connectTimeoutMs: number;
  /** Without any answer for so long the connection is given up. */
  readonly replyTimeout: ReplyTimeout;
  /** After a failed attempt; doubled each time, six times. */
  readonly retryDelayMs: number;
  readonly messageBytesMax: number;
  readonly logger: Logger;
}

/** A channel or pattern that is asked for. */
export interface TopicName {
  readonly kind: TopicKind;
  readonly name: string;
}

/** Who needs a link. */
export interface LinkOwner {
  /** Connected: everything that is wanted has to be asked for by `ask`. */
  onReady(link: UpstreamLink): void;
  /** `bytes[start, end)` is a message, the parts of which are in `parts`. */
  onMessage(link: UpstreamLink, bytes: Buffer, span: MessageSpan): void;
  /** The server does not send this topic: it refused to, or stopped it on its own. */
  onRefused(link: UpstreamLink, topic: TopicName): void;
  /** A message was longer than the limit. */
  onDropped(link: UpstreamLink): void;
  /** The connection, which was up, broke. */
  onLost(link: UpstreamLink): void;
}

export interface MessageSpan {
  readonly start: number;
  readonly end: number;
  readonly parts: MessageParts;
}

interface Asked extends TopicName {
  readonly isOn: boolean;
}

/**
 * | state      | on connect | on greeting | on loss                    | on tick                  |
 * |------------|------------|-------------|----------------------------|--------------------------|
 * | connecting | greeting   | -           | down                       | -                        |
 * | greeting   | -          | ready       | down                       | down, if it takes long   |
 * | ready      | -          | -           | connecting                 | PING; down, if unanswered |
 * | down       | -          | -           | -                          | connecting, after a while |
 * | closed     | -          | -           | -                          | -                        |
 */
type State = 'connecting' | 'greeting' | 'ready' | 'down' | 'closed';

/** The connection over which one Redis server, or another proxy, sends what is published there. */
export class UpstreamLink implements ConnectHandler, TurnFlush {
  readonly options: UpstreamOptions;
  /** Topics that are wanted from it, and since when there are none. */
  wanted = 0;
  idleSinceMs = 0;
  readonly #loop: DataLoop;
  readonly #owner: LinkOwner;
  readonly #parts = new MessageParts();
  #state: State = 'down';
  #transport: Transport | null = null;
  #greeting: BackendGreeting | null = null;
  #splitter: FrameSplitter;
  #unsent: Buffer[] = [];
  readonly #asked = new AnswerQueue<Asked>();
  #hasFailed = false;
  #isRefused = false;
  #failures = 0;
  #retryAtMs = 0;
  #readySinceMs = 0;
  #heardMs = 0;
  #isPinged = false;

  constructor(loop: DataLoop, options: UpstreamOptions, owner: LinkOwner) {
    this.#loop = loop;
    this.options = options;
    this.#owner = owner;
    this.#splitter = this.#newSplitter();
    this.#connect();
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  /** Begins or ends a subscription at the server, if it is connected; otherwise `onReady` comes later. */
  ask(topic: TopicName, isOn: boolean): void {
    if (this.#state !== 'ready') return;
    const { kind, name } = topic;
    this.#asked.add({ kind, name, isOn });
    const word = subscriptionWord(kind, isOn).toUpperCase();
    this.#write(encodeCommand([word, Buffer.from(name, 'latin1')]));
  }

  /**
   * Calls `done`, later, when everything asked for is answered, or the server turns out to be unreachable. False:
   * that is so already.
   */
  awaitAnswers(done: () => void): boolean {
    if (this.#state === 'ready') {
      if (this.#asked.openCount === 0) return false;
      this.#asked.awaitOpen(done);
      return true;
    }
    const isConnecting = this.#state === 'connecting' || this.#state === 'greeting';
    if (!isConnecting || this.#hasFailed) return false;
    this.#asked.awaitBegin(done);
    return true;
  }

  /** Called by the coarse timer. */
  tick(): void {
    const { watchedMs } = this.#loop;
    if (this.#state === 'down' && this.#loop.nowMs >= this.#retryAtMs) this.#connect();
    if (this.#state !== 'greeting' && this.#state !== 'ready') return;
    if (watchedMs - this.#heardMs < this.options.replyTimeout.ms) return;
    if (this.#state === 'greeting' || this.#isPinged || this.#asked.openCount > 0) this.#fail();
    else {
      this.#isPinged = true;
      this.#heardMs = watchedMs;
      this.#write(PING);
    }
  }

  destroy(): void {
    this.#state = 'closed';
    this.#drop();
  }

  onConnect(transport: Transport): void {
    if (this.#transport !== transport) return;
    const { credentials, isPeer } = this.options;
    const greeting = new BackendGreeting(2, credentials, isPeer ? LINK_COMMAND : ROLE_COMMAND);
    this.#heardMs = this.#loop.watchedMs;
    this.#state = 'greeting';
    this.#greeting = greeting;
    transport.write(greeting.bytes);
  }

  onBytes(buffer: Buffer, length: number): void {
    this.#heardMs = this.#loop.watchedMs;
    const isSane =
      this.#greeting === null
        ? this.#splitter.push(buffer, length)
        : this.#onGreetingBytes(this.#greeting, buffer.subarray(0, length));
    if (!isSane) this.#fail();
  }

  onDrain(): void {}

  onEnd(): void {
    this.#fail();
  }

  onClose(): void {
    if (this.#transport !== null) this.#fail();
  }

  flushTurn(): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    if (this.#state === 'ready' && unsent.length > 0) this.#transport?.write(Buffer.concat(unsent));
  }

  #newSplitter(): FrameSplitter {
    return new FrameSplitter(this.options.messageBytesMax, {
      take: (bytes, start, end) => this.#onFrame(bytes, start, end),
      dropped: () => this.#owner.onDropped(this),
    });
  }

  #write(bytes: Buffer): void {
    if (this.#unsent.length === 0) this.#loop.flushAtTurnEnd(this);
    this.#unsent.push(bytes);
  }

  #connect(): void {
    this.#state = 'connecting';
    this.#transport = this.#loop.transports.connect(connectTargetOf(this.options), this);
  }

  #onGreetingBytes(greeting: BackendGreeting, bytes: Buffer): boolean {
    if (!greeting.accept(bytes)) {
      if (!this.#isRefused) warnRefused(this.options, greeting.refusal);
      this.#isRefused = true;
      return false;
    }
    if (greeting.isDone) this.#becomeReady();
    return true;
  }

  #becomeReady(): void {
    this.#greeting = null;
    this.#isRefused = false;
    this.#hasFailed = false;
    this.#failures = 0;
    this.#readySinceMs = this.#loop.nowMs;
    this.#state = 'ready';
    this.#owner.onReady(this);
    this.#asked.begin();
  }

  #onFrame(bytes: Buffer, start: number, end: number): void {
    if (this.#state !== 'ready') return;
    if (readMessage(bytes, start, this.#parts)) {
      this.#owner.onMessage(this, bytes, { start, end, parts: this.#parts });
    } else if (!this.#onAnswer(Buffer.from(bytes.subarray(start, end)))) this.#fail();
  }

  // Cold path: once per subscription.
  /** False: nobody asked for that. */
  #onAnswer(frame: Buffer): boolean {
    const decoder = new ValueDecoder();
    decoder.push(frame);
    const value = decoder.next();
    if (value?.type === 'error') return this.#onError(value.value);
    const words = value?.type === 'array' ? value.items : [];
    const [first, second] = words.map((word) => (word.type === 'bulk' ? word.value : null));
    if (value?.type === 'simple' || first?.toString() === 'pong') {
      this.#isPinged = false;
      return true;
    }
    const sort = parseSubscriptionWord(first?.toString() ?? '');
    if (sort === null) return false;
    const name = second?.toString('latin1') ?? '';
    const asked = this.#asked.head;
    if (asked?.kind === sort.kind && asked.isOn === sort.isOn && asked.name === name) {
      this.#asked.answered();
      return true;
    }
    // The slot of a shard channel went elsewhere.
    if (sort.kind !== 'shard' || sort.isOn) return false;
    this.#owner.onRefused(this, { kind: 'shard', name });
    return true;
  }

  #onError(text: string): boolean {
    const asked = this.#asked.head;
    if (asked === undefined) return false;
    const { address, logger } = this.options;
    if (asked.isOn) {
      logger.warn({ address, reason: text }, 'a subscription is refused');
      this.#owner.onRefused(this, asked);
    }
    this.#asked.answered();
    return true;
  }

  #fail(): void {
    if (this.#state === 'closed') return;
    const { nowMs } = this.#loop;
    const wasReady = this.#state === 'ready';
    const isSteady = wasReady && nowMs - this.#readySinceMs >= STEADY_MS;
    this.#state = 'down';
    this.#hasFailed = true;
    this.#retryAtMs = nowMs + this.options.retryDelayMs * 2 ** this.#failures;
    this.#failures = Math.min(this.#failures + 1, RETRY_GROWS_MAX);
    this.#drop();
    if (wasReady) this.#owner.onLost(this);
    // What is published meanwhile is missed.
    if (isSteady) this.#connect();
  }

  #drop(): void {
    const transport = this.#transport;
    this.#transport = null;
    this.#greeting = null;
    this.#splitter = this.#newSplitter();
    this.#unsent = [];
    this.#isPinged = false;
    transport?.destroy();
    this.#asked.clear();
  }
}
