import { hostOf, type NodeAddress, portOf } from '@undermoon/cluster-meta';
import type { Logger } from '@undermoon/runtime';
import { type LostUnit, type Remains, sortOut } from '../core/lost-commands.ts';
import { Outage } from '../core/outage.ts';
import { type BackendCredentials, GreetingExchange } from './backend-greeting.ts';
import { BackendOutput } from './backend-output.ts';
import type { PushFrames } from '../core/push-frames.ts';
import type { DataLoop } from './data-loop.ts';
import { COMMANDS_UNREACHABLE } from './loop-counters.ts';
import {
  type BackendLoss,
  concludeLoss,
  failOldest,
  type LossTaker,
  noteResent,
} from './lost-replies.ts';
import { ReplyDemux, type ReplyTaker } from './reply-demux.ts';
import { ReaderWait } from './reader-wait.ts';
import type { ReplyTimeout } from './reply-timeout.ts';
import { RoomWaiters } from './room-waiters.ts';
import type { ConnectHandler, ConnectTarget, Transport } from './transport.ts';
import type { TurnFlush } from './turn-flush.ts';
import { WaitingCommands } from './waiting-commands.ts';

/** Who waits for replies of a backend. Lives as long as its own connection. */
export interface ReplySink
  extends ReplyTaker<BackendConnection>, LossTaker<BackendConnection, ReplySink> {
  /** Its replies are no replies to the client by themselves. */
  readonly isPart?: boolean;
  /** For those that gather replies: the rest of one will not come, what there is of it is not to be used. */
  forgetPart?(): void;
  /** The last command is carried out anew, perhaps with another sink. */
  forgetLast?(): void;
  /** It was not executed. True: who asked for it decides anew where it goes, and the reply is owed as before. */
  replan?(): boolean;
  /** It was not executed and goes to another proxy, in the form for keys of several slots. False: it cannot be sent. */
  sendPacked?(peer: BackendConnection): boolean;
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
  /** What is asked for on a new connection; that it may be refused is no matter. Null: nothing. */
  readonly request: readonly string[] | null;
}

/** Fixed properties of a backend connection. */
export interface BackendOptions extends BackendEndpoint {
  readonly address: NodeAddress;
  readonly protocol: 2 | 3;
  readonly connectTimeoutMs: number;
  readonly replyTimeout: ReplyTimeout;
  readonly retryDelayMs: number;
  /** How long commands wait for a server that cannot be reached; 0: not at all. */
  readonly waitMs: number;
  /** Bytes of commands that are kept until their replies, to be sent again if they only read. */
  readonly resendBytesMax: number;
  /** Some client has the connection for itself: what is lost with it is not made good over another one. */
  readonly isOwn: boolean;
  /** Bytes waiting for the kernel above which clients are no longer read. */
  readonly queuedBytesMax: number;
  /** How long the connection waits for one client to take a reply that is larger than all that may wait for it. */
  readonly readerWaitMs: number;
  /** Replies owed above which clients are no longer read. */
  readonly pendingMax: number;
  /** See `loop-counters.ts`. */
  readonly counters: Float64Array;
  readonly logger: Logger;
}

/**
 * | state      | on request          | on connect             | on loss                                    |
 * |------------|---------------------|------------------------|--------------------------------------------|
 * | idle       | connect, wait       | -                      | -                                          |
 * | connecting | wait                | ready: what waits goes | idle, what waits does so until its time    |
 * | ready      | gather, then write  | -                      | idle, see `core/lost-commands.ts`          |
 * | closed     | refuse              | -                      | -                                          |
 */
type State = 'idle' | 'connecting' | 'ready' | 'closed';

/** One pipelined connection to a Redis server, shared by many clients. */
export class BackendConnection implements ConnectHandler, TurnFlush {
  readonly options: BackendOptions;
  /** Called when a connection in use broke, or none could be had, before everyone who waits is told. */
  onLost: (() => void) | null = null;
  readonly reader: ReaderWait;
  readonly #loop: DataLoop;
  #demux = new ReplyDemux<BackendConnection, ReplySink>();
  readonly #room = new RoomWaiters<ReplySink>();
  readonly #outage: Outage;
  readonly #output: BackendOutput;
  readonly #waiting = new WaitingCommands();
  #state: State = 'idle';
  #transport: Transport | null = null;
  #progressMs = 0;
  #connectingSinceMs = 0;
  #isDraining = false;
  readonly #greeting: GreetingExchange;

  constructor(loop: DataLoop, options: BackendOptions) {
    this.#loop = loop;
    this.options = options;
    this.#greeting = new GreetingExchange(options);
    this.#outage = new Outage(options);
    this.reader = new ReaderWait(loop.clock, options.readerWaitMs, () => this.#transport);
    this.#output = new BackendOutput(loop.arena, options.waitMs === 0 ? 0 : options.resendBytesMax);
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
    const { queuedBytesMax, pendingMax } = this.options;
    const queued = this.#transport === null ? 0 : this.#transport.queuedBytes;
    return this.#waiting.bytes + queued > queuedBytesMax || this.#demux.queue.total > pendingMax;
  }

  /** Calls `sink.onBackendRoom()` once when there is room again. False: it waits already. */
  awaitRoom(sink: ReplySink): boolean {
    return this.#room.add(sink);
  }

  /**
   * Sends `bytes[start, end)`, which hold `count` commands, and owes `sink` as many replies. False: the
   * server cannot be reached, for too long already, and nothing was sent. The bytes are copied. `canMerge`: the
   * replies may be delivered together with those of the sink's request before this one.
   */
  request(
    sink: ReplySink,
    count: number,
    canMerge: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    if (this.#state !== 'ready' && !this.#canWait()) {
      if (sink.isOwnWork !== true) this.options.counters[COMMANDS_UNREACHABLE]! += count;
      return false;
    }
    if (this.#demux.queue.total === 0) this.#progressMs = this.#loop.watchedMs;
    this.#demux.queue.push(sink, count, canMerge);
    if (this.#state === 'ready') this.#append(bytes, start, end, count, -1);
    else this.#waiting.add(bytes.subarray(start, end), count, this.#outage.deadlineMs);
    return true;
  }

  /** Sends what was never executed, or only reads, once more. The bytes are kept. */
  resend(unit: LostUnit<ReplySink>): boolean {
    const { sink, bytes, count, lostAtMs } = unit;
    if (this.#state !== 'ready' && !this.#canWait()) return false;
    if (this.#demux.queue.total === 0) this.#progressMs = this.#loop.watchedMs;
    for (const part of unit.parts) this.#demux.queue.push(sink, part, false);
    if (this.#state !== 'ready') this.#waiting.push(unit, this.#outage.deadlineMs);
    else {
      noteResent(this.options.counters, unit);
      this.#append(bytes, 0, bytes.length, count, lostAtMs);
    }
    return true;
  }

  /** Closes when the last owed reply has come; new requests are refused. */
  drain(): void {
    this.#isDraining = true;
    if (this.#demux.queue.total === 0) this.destroy();
  }

  /** The routing table is another one: what waits here may belong elsewhere. */
  rerouteWaiting(): void {
    if (this.#state === 'ready' || this.#demux.queue.total === 0) return;
    this.#settle(this.#waiting.remains(), 'lost', this.options.waitMs);
    this.#conclude();
  }

  destroy(): void {
    this.#fail('lost', true);
  }

  /** Gives up what has waited too long, and tries to connect again. Called by the coarse timer. */
  tick(): void {
    const nowMs = this.#loop.watchedMs;
    if (this.#waiting.isLate(nowMs)) {
      this.onLost?.();
      failOldest(this, this.#demux.queue, this.#waiting.takeLate(nowMs));
      this.#conclude();
    }
    if (this.#outage.isOn) this.#connectAgain(nowMs);
  }

  /**
   * Fails a connection whose oldest request, or whose greeting, got no answer for too long. Called by the
   * coarse timer. `ownMs`: how long the server may let the request wait; minus infinity: it is known
   * to say nothing any more.
   */
  checkDeadline(ownMs = 0): void {
    const isOwed = this.#greeting.isOn || this.#state === 'ready';
    if (!isOwed || this.pending === 0 || this.reader.holds()) return;
    if (this.#loop.watchedMs - this.#progressMs < this.options.replyTimeout.ms + ownMs) return;
    this.#fail('timeout');
  }

  onBytes(buffer: Buffer, length: number): void {
    this.#progressMs = this.#loop.watchedMs;
    const isGreeting = this.#greeting.isOn;
    const isSane = isGreeting
      ? this.#greeting.accept(buffer.subarray(0, length))
      : this.#demux.deliver(this, buffer, length);
    if (!isSane) this.#fail('lost');
    else if (!isGreeting) {
      this.#outage.onAnswered();
      this.#output.settle(this.#demux.queue.total);
    } else if (!this.#greeting.isOn) this.#becomeReady();
    this.#conclude();
  }

  onDrain(): void {
    if (!this.#room.isEmpty && !this.isFull) this.#room.offer(this.#loop, this);
  }

  onEnd(): void {
    this.#fail('lost');
  }

  onClose(): void {
    // A transport that was dropped on purpose is no longer ours.
    if (this.#transport !== null) this.#fail('lost');
  }

  flushTurn(): void {
    if (this.#transport !== null && this.#state === 'ready') this.#output.flush(this.#transport);
    if (!this.#room.isEmpty && !this.isFull) this.#room.offer(this.#loop, this);
  }

  #canWait(): boolean {
    if (this.#state === 'closed' || this.#isDraining) return false;
    const nowMs = this.#loop.watchedMs;
    const isWaitedFor = this.#outage.onWanted(nowMs);
    this.#connectAgain(nowMs);
    // Without a time to wait, commands still wait for the connection that is being made.
    return isWaitedFor || (this.options.waitMs === 0 && this.#state === 'connecting');
  }

  #append(bytes: Buffer, start: number, end: number, count: number, lostAtMs: number): void {
    const isFirst = this.#output.append(this.#transport!, bytes, start, end, count, lostAtMs);
    this.#loop.requests.gather(isFirst ? this : null);
  }

  #connectAgain(nowMs: number): void {
    if (this.#state !== 'idle' || this.#isDraining || !this.#outage.mayConnect(nowMs)) return;
    this.#state = 'connecting';
    this.#connectingSinceMs = this.#loop.clock.monotonicMs();
    this.#transport = this.#loop.transports.connect(connectTargetOf(this.options), this);
  }

  onConnect(transport: Transport): void {
    if (this.#transport !== transport) return;
    const greeting = this.#greeting.begin();
    this.#progressMs = this.#loop.watchedMs;
    if (greeting === null) this.#becomeReady();
    else transport.write(greeting);
  }

  #becomeReady(): void {
    this.#state = 'ready';
    this.#loop.latency.noteSince('backend-connect', this.#connectingSinceMs);
    this.#progressMs = this.#loop.watchedMs;
    this.#outage.onConnected(this.#progressMs);
    const isAgain = this.#outage.failures > 0;
    for (const piece of this.#waiting.takeAll()) {
      if (isAgain) noteResent(this.options.counters, piece);
      this.#append(piece.bytes, 0, piece.bytes.length, piece.count, piece.lostAtMs);
    }
  }

  /** Drops the socket; those who wait get another connection, or are told. `isFinal`: there is no other. */
  #fail(loss: BackendLoss, isFinal = false): void {
    if (this.#state === 'closed' && !isFinal) return;
    const wasReady = this.#state === 'ready';
    if (wasReady && !isFinal) this.onLost?.();
    if (this.state === 'closed' && !isFinal) return;
    const transport = this.#transport;
    const unsentBytes = transport === null ? 0 : transport.unsentBytes;
    const nowMs = this.#loop.watchedMs;
    this.#transport = null;
    this.#greeting.end();
    this.#state = isFinal || this.#isDraining ? 'closed' : 'idle';
    transport?.destroy();
    const waitMs = isFinal || (wasReady && this.options.isOwn) ? 0 : this.options.waitMs;
    if (wasReady) this.#outage.onBroken(nowMs);
    else this.#outage.onRefused(nowMs);
    if (wasReady) this.#settle(this.#output.remains(this.pending, unsentBytes), loss, waitMs);
    else if (waitMs === 0 || this.#isDraining) this.#settle(this.#waiting.remains(), loss, 0);
    if (this.#outage.isOn) this.#connectAgain(nowMs);
    this.#conclude();
  }

  /** Decides about all commands that have no reply. Those to be sent again come back by way of `resend`. */
  #settle(remains: Remains, loss: BackendLoss, waitMs: number): void {
    const isCut = isPassedInPart(this.#demux);
    const rules = { nowMs: this.#loop.watchedMs, waitMs, canRepeatReads: loss === 'lost', isCut };
    const sorted = sortOut(this.#demux.queue.takeAll(), remains, rules);
    // What is sent again, and what sinks send when they are told, belongs to the next connection.
    this.#demux = this.#demux.next();
    this.#output.clear();
    concludeLoss(this, sorted, loss, isCut);
  }

  #conclude(): void {
    this.#loop.output.flush();
    if (!this.#room.isEmpty && !this.isFull) this.#room.offer(this.#loop, this);
    if (this.#isDraining && this.#demux.queue.total === 0 && this.#state !== 'closed')
      this.destroy();
  }
}

/** Cold path: once per lost connection. Those that gather replies have passed on nothing of one that came in part. */
function isPassedInPart({ isCut, queue }: ReplyDemux<BackendConnection, ReplySink>): boolean {
  const sink = queue.headSink();
  if (!isCut || sink?.forgetPart === undefined) return isCut;
  sink.forgetPart();
  return false;
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
