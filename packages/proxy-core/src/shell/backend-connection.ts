import { hostOf, type NodeAddress, portOf } from '@undermoon/cluster-meta';
import type { Logger } from '@undermoon/runtime';
import type { PushFrames } from '../core/push-frames.ts';
import { type BackendCredentials, BackendGreeting } from './backend-greeting.ts';
import type { DataLoop } from './data-loop.ts';
import { ReplyDemux, type ReplyTaker } from './reply-demux.ts';
import { SLAB_BYTES, type Slab } from './slab.ts';
import type { ConnectHandler, ConnectTarget, Transport } from './transport.ts';
import type { TurnFlush } from './turn-flush.ts';

/** Why replies will not come. */
export type BackendLoss =
  /** The commands were never sent. */
  | 'unreachable'
  /** The commands were sent and may have been executed. */
  | 'lost'
  /** No reply within the backend timeout; the commands may have been executed. */
  | 'timeout';

/** Who waits for replies of a backend. Lives as long as its own connection. */
export interface ReplySink extends ReplyTaker<BackendConnection> {
  /** The next `count` replies of `source` will not come. `isCut`: a part of the first was delivered. */
  onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss, isCut: boolean): void;
  /** `source` accepts requests again after it was full. */
  onBackendRoom(): void;
}

/** How a server is reached. */
export interface BackendEndpoint {
  /** A Unix socket in place of the address, with `{host}` and `{port}` for its parts. */
  readonly socketPath: string | null;
  readonly credentials: BackendCredentials | null;
  /** It is another proxy. */
  readonly isPeer: boolean;
}

/** Fixed properties of a backend connection. */
export interface BackendOptions extends BackendEndpoint {
  readonly address: NodeAddress;
  readonly protocol: 2 | 3;
  readonly connectTimeoutMs: number;
  readonly timeoutMs: number;
  readonly retryDelayMs: number;
  /** Bytes waiting for the kernel above which clients are no longer read. */
  readonly queuedBytesMax: number;
  /** Replies owed above which clients are no longer read. */
  readonly pendingMax: number;
  readonly logger: Logger;
}

const OFFERS_AT_ONCE = 32;

/**
 * | state      | on request            | on connect | on loss                    |
 * |------------|-----------------------|------------|----------------------------|
 * | idle       | connect, queue        | -          | -                          |
 * | connecting | queue                 | ready      | idle, refuse for a moment  |
 * | ready      | queue, write at turn  | -          | idle, requests fail        |
 * | closed     | refuse                | -          | -                          |
 */
type State = 'idle' | 'connecting' | 'ready' | 'closed';

/** One pipelined connection to a Redis server, shared by many clients. */
export class BackendConnection implements ConnectHandler, TurnFlush {
  readonly options: BackendOptions;
  /** Called when the connection broke, before everyone who waits is told. */
  onLost: (() => void) | null = null;
  readonly #loop: DataLoop;
  #demux = new ReplyDemux<BackendConnection, ReplySink>();
  readonly #waiting = new Set<ReplySink>();
  #state: State = 'idle';
  #transport: Transport | null = null;
  #slab: Slab | null = null;
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #progressMs = 0;
  #retryAtMs = 0;
  #isDraining = false;
  #greeting: BackendGreeting | null = null;
  #isRefused = false;

  constructor(loop: DataLoop, options: BackendOptions) {
    this.#loop = loop;
    this.options = options;
  }

  get state(): State {
    return this.#state;
  }

  /** Replies owed. */
  get pending(): number {
    return this.#demux.queue.total;
  }

  /** From now on `pushes` takes what the server pushes between its replies. */
  takePushes(pushes: PushFrames): void {
    this.#demux.pushes = pushes;
  }

  /** The bytes that were delivered last end within a reply. */
  get isCut(): boolean {
    return this.#demux.isCut;
  }

  /** Whether clients that want this backend should not be read for now. */
  get isFull(): boolean {
    const queued = this.#transport === null ? 0 : this.#transport.queuedBytes;
    return (
      this.#earlyBytes + queued > this.options.queuedBytesMax ||
      this.#demux.queue.total > this.options.pendingMax
    );
  }

  /** Calls `sink.onBackendRoom()` once when there is room again. False: it waits already. */
  awaitRoom(sink: ReplySink): boolean {
    if (this.#waiting.has(sink)) return false;
    this.#waiting.add(sink);
    return true;
  }

  /**
   * Sends `bytes[start, end)`, which hold `count` commands, and owes `sink` as many replies. False: the
   * server is known to be unreachable and nothing was sent. The bytes are copied. `canMerge`: the replies
   * may be delivered together with those of the sink's request before this one.
   */
  request(
    sink: ReplySink,
    count: number,
    canMerge: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    if (this.#state !== 'ready' && !this.#canQueue()) return false;
    if (this.#demux.queue.total === 0) this.#progressMs = this.#loop.watchedMs;
    this.#demux.queue.push(sink, count, canMerge);
    this.#append(bytes, start, end);
    return true;
  }

  /** Closes when the last owed reply has come; new requests are refused. */
  drain(): void {
    this.#isDraining = true;
    if (this.#demux.queue.total === 0) this.destroy();
  }

  destroy(): void {
    const transport = this.#transport;
    this.#state = 'closed';
    this.#transport = null;
    transport?.destroy();
    this.#failAll('lost');
  }

  /**
   * Fails a connection whose oldest request, or whose greeting, got no answer for too long. Called by the
   * coarse timer.
   */
  checkDeadline(): void {
    const isOwed = this.#greeting !== null || this.#state === 'ready';
    if (!isOwed || this.#demux.queue.total === 0) return;
    if (this.#loop.watchedMs - this.#progressMs < this.options.timeoutMs) return;
    this.#fail('timeout');
  }

  onBytes(buffer: Buffer, length: number): void {
    this.#progressMs = this.#loop.watchedMs;
    const isSane =
      this.#greeting === null
        ? this.#demux.deliver(this, buffer, length)
        : this.#onGreetingBytes(this.#greeting, buffer.subarray(0, length));
    if (!isSane) this.#fail('lost');
    this.#loop.output.flush();
    if (this.#waiting.size > 0 && !this.isFull) this.#offerRoom();
    if (this.#isDraining && this.#demux.queue.total === 0) this.destroy();
  }

  onDrain(): void {
    if (this.#waiting.size > 0 && !this.isFull) this.#offerRoom();
  }

  onEnd(): void {
    this.#fail('lost');
  }

  onClose(): void {
    // A transport that was dropped on purpose is no longer ours.
    if (this.#state === 'closed' || this.#transport === null) return;
    this.#fail('lost');
  }

  flushTurn(): void {
    this.#flushSlab();
    if (this.#waiting.size > 0 && !this.isFull) this.#offerRoom();
  }

  #flushSlab(): void {
    const slab = this.#slab;
    const transport = this.#transport;
    if (slab === null || transport === null || this.#state !== 'ready') return;
    this.#slab = null;
    if (transport.queuedBytes > 0) {
      transport.write(Buffer.from(slab.view()));
      this.#loop.arena.give(slab);
    } else if (transport.write(slab.view(), slab)) this.#loop.arena.give(slab);
  }

  #canQueue(): boolean {
    if (this.#state === 'closed' || this.#isDraining) return false;
    if (this.#state === 'connecting') return true;
    if (this.#loop.clock.monotonicMs() < this.#retryAtMs) return false;
    this.#connect();
    return true;
  }

  #append(bytes: Buffer, start: number, end: number): void {
    const size = end - start;
    if (this.#state !== 'ready') {
      this.#early.push(Buffer.from(bytes.subarray(start, end)));
      this.#earlyBytes += size;
      return;
    }
    if (this.#slab !== null && size > SLAB_BYTES - this.#slab.length) this.#flushSlab();
    if (size > SLAB_BYTES) {
      this.#transport!.write(Buffer.from(bytes.subarray(start, end)));
      return;
    }
    if (this.#slab === null) {
      this.#slab = this.#loop.arena.take();
      this.#loop.flushAtTurnEnd(this);
    }
    this.#slab.append(bytes, start, end);
  }

  #connect(): void {
    this.#state = 'connecting';
    this.#transport = this.#loop.transports.connect(connectTargetOf(this.options), this);
  }

  onConnect(transport: Transport): void {
    if (this.#transport !== transport) return;
    const greeting = new BackendGreeting(this.options.protocol, this.options.credentials);
    if (greeting.isDone) {
      this.#becomeReady();
      return;
    }
    this.#greeting = greeting;
    this.#progressMs = this.#loop.watchedMs;
    transport.write(greeting.bytes);
  }

  /** Nothing of a client is sent before the server accepted the greeting. */
  #onGreetingBytes(greeting: BackendGreeting, bytes: Buffer): boolean {
    if (!greeting.accept(bytes)) {
      // Once, not at every attempt: requests come by the thousand.
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
    this.#state = 'ready';
    this.#progressMs = this.#loop.watchedMs;
    for (const bytes of this.#early) this.#transport?.write(bytes);
    this.#early = [];
    this.#earlyBytes = 0;
  }

  /** Drops the socket; the next request connects anew, but not before the retry delay. */
  #fail(loss: BackendLoss): void {
    if (this.#state === 'closed') return;
    const wasSent = this.#state === 'ready';
    if (this.onLost !== null) this.onLost();
    const transport = this.#transport;
    this.#transport = null;
    this.#state = this.#isDraining ? 'closed' : 'idle';
    this.#retryAtMs = wasSent ? 0 : this.#loop.clock.monotonicMs() + this.options.retryDelayMs;
    transport?.destroy();
    this.#failAll(wasSent ? loss : 'unreachable');
  }

  #failAll(loss: BackendLoss): void {
    const { queue, isCut } = this.#demux;
    // New requests, which sinks may make while they are told, belong to the next connection.
    this.#demux = new ReplyDemux();
    this.#greeting = null;
    this.#early = [];
    this.#earlyBytes = 0;
    if (this.#slab !== null) this.#loop.arena.give(this.#slab);
    this.#slab = null;
    let isFirst = true;
    for (let sink = queue.headSink(); sink !== null; sink = queue.headSink()) {
      const count = queue.headCount();
      queue.take(count);
      sink.onReplyLoss(this, count, loss, isCut && isFirst);
      isFirst = false;
    }
    this.#loop.output.flush();
    if (this.#waiting.size > 0) this.#offerRoom();
  }

  #offerRoom(): void {
    offerRoom(this.#waiting);
    // The others when these have been read, so that they do not all fill the backend at once.
    if (this.#waiting.size > 0) this.#loop.flushAtTurnEnd(this);
  }
}

function offerRoom(waiting: Set<ReplySink>): void {
  let left = OFFERS_AT_ONCE;
  for (const sink of waiting) {
    if (left-- === 0) break;
    waiting.delete(sink);
    sink.onBackendRoom();
  }
}

/** Says that a server does not accept the greeting. */
export function warnRefused(
  { address, logger }: { readonly address: NodeAddress; readonly logger: Logger },
  reason: string,
): void {
  logger.warn({ address, reason }, 'Redis server refuses the connection');
}

/** Where to connect to, over its Unix socket if it has one. */
export function connectTargetOf(
  options: Pick<BackendOptions, 'address' | 'socketPath' | 'connectTimeoutMs'>,
): ConnectTarget {
  const { socketPath, connectTimeoutMs } = options;
  const host = hostOf(options.address);
  const port = portOf(options.address);
  const address =
    socketPath === null
      ? { host, port }
      : { path: socketPath.replaceAll('{host}', host).replaceAll('{port}', `${port}`) };
  return { address, timeoutMs: connectTimeoutMs };
}
