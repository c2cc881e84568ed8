import type { Session } from '../core/session.ts';
import { PIPELINED_REPLIES } from '../core/spread-policy.ts';
import { ClientReplies } from './client-replies.ts';
import { dispatch, failProtocol } from './dispatcher.ts';
import { inOrder } from './in-order.ts';
import { InputCarry } from './input-carry.ts';
import {
  CLIENT_READS,
  CLIENTS_ACTIVE,
  CLIENTS_OVER_INPUT,
  NET_INPUT_BYTES,
} from './loop-counters.ts';
import type { Departure } from './departure.ts';
import type { Blocking, Client, ProxyContext, Watching } from './proxy-context.ts';
import type { TransportHandler } from './transport.ts';

/** With more undispatched input than this a client stays where it is. */
const LEAVING_INPUT_MAX = 65_536;

/**
 * One client: bytes in, replies out in request order, backpressure both ways. Parsing and routing are in
 * the dispatcher, what is owed in the base class; this file knows input and life cycle.
 */
export class ClientConnection extends ClientReplies implements Client, TransportHandler {
  readonly whole: Client = this;
  place = -1;
  activeMs: number;
  blocked: Blocking | null = null;
  watching: Watching | null = null;
  isHeld = false;
  #carry: InputCarry | null = null;
  /** Set while input waits for the replies owed. */
  #afterQuiet: (() => void) | null = null;
  /** Set while the next command waits for `unpark`. */
  #isParked = false;
  #afterPark: (() => void) | null = null;
  #endsWhenUnparked = false;
  /** Its loop was chosen anew, since it pipelines. */
  #isSpread = false;
  #isEnding = false;

  constructor(context: ProxyContext, session: Session) {
    super(context, session);
    this.activeMs = context.loop.watchedMs;
  }

  get isAccepting(): boolean {
    return !this.#isStalled && !this.#isEnding && !this.isClosed;
  }

  get #isStalled(): boolean {
    return this.#isParked || this.#afterQuiet !== null;
  }

  park(): void {
    this.#isParked = true;
    this.updateReading();
  }

  whenUnparked(action: () => void): void {
    this.#afterPark = action;
  }

  unpark(): void {
    this.#isParked = false;
    const action = this.#afterPark;
    this.#afterPark = null;
    if (!this.isClosed) action?.();
    if (this.#carry !== null && this.isAccepting) this.#runCarry(this.#carry);
    if (this.#endsWhenUnparked && !this.#isParked) this.endAfterReplies();
    this.updateReading();
  }

  leave(): Departure | null {
    const { session, context } = this;
    // The servers of a subscriber, and of one that tracks keys, know it by this loop.
    if (this.owed > 0 || !this.isAccepting || !session.isPlain || this.isMuted) return null;
    if (this.tracking !== null || this.blocked !== null || this.watching !== null) return null;
    if (this.inputBytes > LEAVING_INPUT_MAX) return null;
    context.loop.output.flush();
    const connection = this.transport?.detach() ?? null;
    if (connection === null) return null;
    const departure = {
      id: session.id,
      port: session.port,
      ageMs: context.loop.nowMs - session.createdMs,
      session: session.facts(),
      input: new Uint8Array(this.#carry?.bytes.subarray(0, this.#carry.length) ?? []),
      connection,
    };
    this.transport = null;
    this.onClose();
    return departure;
  }

  /** Goes on with what the client had sent before it came to this loop. */
  takeOver(input: Buffer): void {
    // What the scanner of this loop saw last was of another client.
    this.#carry = new InputCarry(input, 0, input.length);
    this.#runCarry(this.#carry);
    this.context.loop.output.flush();
  }

  deferReply(): void {
    // Owed like any other reply, so nothing that waits for replies goes ahead of it.
    this.oweDeferred();
    this.#afterQuiet = nothing;
    this.updateReading();
  }

  // Cold path: commands of the control side. The reply is written when all before it have left: a large one
  // would be copied by the reply order.
  replyDeferred(bytes: Buffer): void {
    if (this.isClosed) return;
    const before = this.#afterQuiet ?? nothing;
    const goOn = (): void => this.whenQuiet(before);
    this.#afterQuiet = inOrder(() => this.replyShared(bytes), goOn);
    this.settleDeferred();
    this.context.loop.output.flush();
  }

  get inputBytes(): number {
    return this.#carry === null ? 0 : this.#carry.length;
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }

  whenQuiet(action: () => void): void {
    const before = this.#afterQuiet;
    if (this.owed > 0 || before !== null) {
      this.#afterQuiet = before === null ? action : inOrder(before, action);
      this.updateReading();
    } else action();
  }

  hold(action: () => void): void {
    this.#afterQuiet = action;
    this.isHeld = true;
    this.updateReading();
  }

  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    if (this.owed === 0) this.#unstall();
  }

  endAfterReplies(): void {
    if (this.blocked !== null || this.isHeld) {
      // Nobody knows when its reply will come.
      this.destroy();
      return;
    }
    // What was received is answered first.
    this.#endsWhenUnparked = this.#isParked;
    if (this.#isParked) return;
    this.#isEnding = true;
    this.#carry = null;
    // What still comes is read and dropped, so that the end of the client's side is noticed.
    this.updateReading();
    if (this.owed === 0) this.#finish();
  }

  destroy(): void {
    this.transport?.destroy();
    this.onClose();
  }

  onBytes(buffer: Buffer, length: number): void {
    countRead(this.context, length, this.activeMs);
    this.activeMs = this.context.loop.watchedMs;
    if (this.isClosed || this.#isEnding) return;
    if (this.#carry === null) {
      const consumed = this.#isStalled ? 0 : dispatch(this, buffer, 0, length);
      if (consumed < length) this.#keep(buffer, consumed, length);
    } else {
      this.#carry.append(buffer, 0, length);
      if (this.#carry.length > inputBytesMax(this)) {
        this.context.counters[CLIENTS_OVER_INPUT]!++;
        failProtocol(this, 'Protocol error: command exceeds the query buffer limit');
      } else if (!this.#isStalled) this.#runCarry(this.#carry);
    }
    this.context.loop.output.flush();
    if (!this.isReading || this.isBackendFull) this.updateReading();
    const { spread } = this.context;
    if (spread !== null && this.owed >= PIPELINED_REPLIES && !this.#isSpread) {
      this.#isSpread = true;
      spread.onPipelined(this);
    }
  }

  onDrain(): void {
    this.readOn();
    this.resumeLargeReply();
    this.flushPushes(false);
    if (!this.isReading) this.updateReading();
  }

  onEnd(): void {
    // A client may shut down its sending side and still read the replies it is owed.
    if (!this.isClosed) this.endAfterReplies();
  }

  onClose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#carry = null;
    this.forgetOutput();
    this.#afterQuiet = null;
    this.tracking?.end();
    this.blocked?.cancel();
    this.watching?.cancel();
    this.context.forget(this);
  }

  protected onQuiet(): void {
    if (this.isHeld) return;
    if (this.#afterQuiet !== null) this.#unstall();
    else if (this.#isEnding) this.#finish();
  }

  #unstall(): void {
    const action = this.#afterQuiet;
    this.#afterQuiet = null;
    action?.();
    if (this.owed === 0) this.tracking?.release();
    if (this.#isEnding && this.owed === 0) this.#finish();
    else if (this.#carry !== null && this.isAccepting) this.#runCarry(this.#carry);
    this.updateReading();
  }

  #finish(): void {
    this.flushPushes();
    this.context.loop.output.flush();
    this.transport?.end();
  }

  #runCarry(carry: InputCarry): void {
    const { scanner } = this.context.loop;
    if (!carry.isWorthScanning(scanner)) return;
    const consumed = dispatch(this, carry.bytes, 0, carry.length);
    if (this.#carry !== carry) return;
    if (consumed === carry.length) this.#carry = null;
    else {
      carry.consume(consumed);
      if (!this.#isStalled) carry.note(scanner);
    }
  }

  #keep(buffer: Buffer, start: number, end: number): void {
    if (this.isClosed || this.#isEnding) return;
    this.#carry = new InputCarry(buffer, start, end);
    if (!this.#isStalled) this.#carry.note(this.context.loop.scanner);
  }

  protected updateReading(): void {
    const transport = this.transport;
    if (transport === null) return;
    const { outputPauseBytes } = this.context.options;
    const isReading =
      this.#isEnding ||
      ((!this.#isStalled || this.blocked !== null || this.isHeld) &&
        !this.isBackendFull &&
        this.heldBytes <= outputPauseBytes &&
        transport.queuedBytes <= outputPauseBytes);
    if (isReading === this.isReading) return;
    this.isReading = isReading;
    if (isReading) transport.resume();
    else transport.pause();
  }
}

function nothing(): void {}

function countRead({ counters, loop }: ProxyContext, length: number, activeMs: number): void {
  counters[CLIENT_READS]!++;
  counters[NET_INPUT_BYTES]! += length;
  if (activeMs !== loop.watchedMs) counters[CLIENTS_ACTIVE]!++;
}

function inputBytesMax({ session, context }: Client): number {
  const { queryBufferBytesMax, unauthenticatedBytesMax } = context.options;
  if (session.isAuthenticated) return queryBufferBytesMax;
  return Math.min(queryBufferBytesMax, unauthenticatedBytesMax);
}
