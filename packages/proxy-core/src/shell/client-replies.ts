import type { LostUnit } from '../core/lost-commands.ts';
import { type DueOutput, ReplyOrder } from '../core/reply-order.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import { type Carrier, carryOn } from './carry-on.ts';
import { ClientSending } from './client-sending.ts';
import { PIECE_BYTES } from './large-replies.ts';
import { ERROR_REPLIES } from './loop-counters.ts';
import type { ClientTracking } from './client-tracking.ts';
import { lossReply } from './loss-reply.ts';
import type { BackendLoss, FailedReply } from './lost-replies.ts';
import type { Client } from './proxy-context.ts';
import { PushQueue, type PushTarget } from './push-queue.ts';

const ERROR_MARKER = 0x2d;

/** What one client is owed: requests go out, replies come back in request order, within bounds. */
export abstract class ClientReplies
  extends ClientSending
  implements Carrier, DueOutput, PushTarget
{
  tracking: ClientTracking | null = null;
  #owed = 0;
  /** How many of them no backend sends: they are known later. */
  #deferred = 0;
  #laneCount = 1;
  #source: BackendConnection | null = null;
  #order: ReplyOrder<BackendConnection> | null = null;
  #fullBackends = 0;
  /** What was sent last ends within a reply. Only used while there is no order. */
  #isCut = false;
  /** Null until something is pushed. */
  #pushes: PushQueue | null = null;

  abstract readonly whole: Client;
  /** Nothing is owed any more. */
  protected abstract onQuiet(): void;

  /** Replies that the client still waits for. */
  get owed(): number {
    return this.#owed;
  }

  /** Some backend that the client sent to has no room. */
  protected get isBackendFull(): boolean {
    return this.#fullBackends > 0;
  }

  /** Replies that wait for others before them. */
  protected get heldBytes(): number {
    return this.#order === null ? 0 : this.#order.heldBytes;
  }

  get outputBytes(): number {
    return this.heldBytes + this.sendingBytes + (this.#pushes?.heldBytes ?? 0);
  }

  get isMidReply(): boolean {
    if (this.#owed === 0) return false;
    return this.#order === null ? this.#isCut : this.#order.isCut;
  }

  push(frame: Uint8Array): void {
    if (this.isClosed) return;
    const pushes = (this.#pushes ??= new PushQueue(this.context.loop, this));
    pushes.add(frame);
    this.limitOutput(this.outputBytes);
  }

  pushBehind(source: BackendConnection, frame: Uint8Array): void {
    const isElsewhere = this.#order === null && this.isMidReply && source !== this.#source;
    const isBetween = this.isMuted || this.isSendingInPieces;
    const order = isElsewhere && !isBetween ? this.#enterOrder() : this.#order;
    // Its place does not matter among replies that are dropped, nor while no server owes any.
    if (this.isClosed || isBetween) this.push(frame);
    else if (order === null) this.context.loop.output.append(this, frame, 0, frame.length);
    else {
      order.pushBehind(source, frame, this);
      this.limitOutput(order.heldBytes);
    }
  }

  /** `isForced`: the client need not have taken what it was sent before. */
  flushPushes(isForced: boolean = true): void {
    this.#pushes?.flush(isForced);
  }

  backendOf(group: BackendGroup): BackendConnection {
    if (this.tracking !== null) return this.tracking.connectionOf(group);
    if (this.#owed === 0) this.#laneCount = this.context.laneCount;
    return this.connectionTo(group, this.session.protocol);
  }

  connectionTo(group: BackendGroup, protocol: 2 | 3): BackendConnection {
    return group.connection(protocol, this.session.lane % this.#laneCount);
  }

  forward(
    backend: BackendConnection,
    count: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    const isSingleSource = this.#owed === 0 || this.#source === backend;
    const order = this.#order;
    const canMerge = order === null ? isSingleSource : order.continues(backend);
    if (!backend.request(this, count, canMerge, bytes, start, end)) return false;
    this.#expect(backend, count, isSingleSource);
    return true;
  }

  owe(backend: BackendConnection, count = 1): void {
    this.#expect(backend, count, this.#owed === 0 || this.#source === backend);
  }

  reply(bytes: Buffer): void {
    if (this.isClosed) return;
    if (bytes[0] === ERROR_MARKER) this.context.counters[ERROR_REPLIES]!++;
    if (this.#owed === 0) {
      this.context.loop.output.appendShared(this, bytes);
      return;
    }
    const order = this.#order ?? this.#enterOrder();
    order.pushLocal(bytes);
    this.limitOutput(order.heldBytes);
  }

  /** Counts a reply as owed that no backend will send; `settleDeferred` follows. */
  protected oweDeferred(): void {
    this.#owed++;
    this.#deferred++;
  }

  protected settleDeferred(): void {
    this.#deferred--;
    this.settle(1);
  }

  /** A reply that nobody changes any more; a large one counts as owed until its last piece has left. */
  protected replyShared(bytes: Buffer): void {
    if (bytes.length <= PIECE_BYTES) {
      this.reply(bytes);
      return;
    }
    this.#owed++;
    // Nothing may come between two pieces.
    this.#isCut = true;
    this.sendInPieces(bytes);
  }

  protected onLastPiece(): void {
    this.#isCut = false;
    this.#pushes?.flush();
    this.settle(1);
    this.context.loop.output.flush();
  }

  onReplyBytes(
    source: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    if (this.isClosed) return;
    const order = this.#order;
    const isCut = completed === 0 || source.isCut;
    if (order === null) {
      this.context.loop.output.append(this, bytes, start, end);
      this.#isCut = isCut;
    } else {
      order.accept(source, { bytes, start, end, completed, isCut }, this);
      this.limitOutput(order.heldBytes);
    }
    this.#pushes?.flush();
    if (completed > 0) this.endWait();
    else if (isCut) this.slowDown(source.reader);
    this.settle(completed);
    if (!this.isReading) this.updateReading();
  }

  onDue(bytes: Uint8Array, start: number, end: number): void {
    this.context.loop.output.append(this, bytes, start, end);
  }

  onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss, isCut: boolean): void {
    if (this.isClosed) return;
    if (isCut) {
      // A part of the reply is out already: an error in its place would be read as its data.
      this.destroy();
      return;
    }
    const error = lossReply(source, loss);
    for (let i = 0; i < count; i++) this.onReplyBytes(source, error, 0, error.length, 1);
  }

  /** What was sent before keeps its order. */
  get owner(): this {
    return this;
  }

  carryOn(
    source: BackendConnection,
    units: readonly LostUnit<ReplySink>[],
    failed: FailedReply<ReplySink>[],
  ): void {
    if (!this.isClosed) carryOn(this, source, units, failed);
  }

  reassign(source: BackendConnection, places: readonly (BackendConnection | Buffer)[]): void {
    const order = this.#order ?? this.#enterOrder();
    this.settle(order.reassign(source, places, this));
  }

  onBackendRoom(): void {
    this.#fullBackends--;
    if (!this.isClosed) this.updateReading();
  }

  /** The client is gone: nothing is put in order any more. */
  protected forgetOutput(): void {
    this.endWait();
    this.#order = null;
    this.#pushes?.clear();
  }

  protected settle(completed: number): void {
    this.#owed -= completed;
    if (this.#owed !== 0) return;
    this.#order = null;
    this.onQuiet();
  }

  #expect(backend: BackendConnection, count: number, isSingleSource: boolean): void {
    const order = this.#order;
    if (order === null && isSingleSource) this.#source = backend;
    else (order ?? this.#enterOrder()).expect(backend, count);
    this.#owed += count;
    if (backend.isFull && backend.awaitRoom(this)) this.#fullBackends++;
  }

  #enterOrder(): ReplyOrder<BackendConnection> {
    const order = new ReplyOrder<BackendConnection>();
    const expected = this.#owed - this.#deferred;
    if (this.#source !== null && expected > 0) {
      order.begin(this.#source, expected, this.#isCut);
    }
    this.#order = order;
    return order;
  }
}
