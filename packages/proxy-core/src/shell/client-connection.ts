import { errorReply } from '../core/replies.ts';
import { type DueOutput, ReplyOrder } from '../core/reply-order.ts';
import type { Session } from '../core/session.ts';
import type { BackendConnection, BackendLoss, ReplySink } from './backend-connection.ts';
import type { OutputTarget } from './client-output.ts';
import { dispatch, failProtocol } from './dispatcher.ts';
import { InputCarry } from './input-carry.ts';
import { ERROR_REPLIES, NET_INPUT_BYTES, NET_OUTPUT_BYTES } from './loop-counters.ts';
import type { Client, ProxyContext } from './proxy-context.ts';
import type { Transport, TransportHandler } from './transport.ts';

const ERROR_MARKER = 0x2d;

/**
 * One client: bytes in, replies out in request order, backpressure both ways. Parsing and routing are in
 * the dispatcher; this file knows sockets, order and life cycle.
 */
export class ClientConnection
  implements Client, TransportHandler, ReplySink, DueOutput, OutputTarget
{
  readonly context: ProxyContext;
  readonly session: Session;
  isClosed = false;
  activeMs: number;
  #transport: Transport | null = null;
  #carry: InputCarry | null = null;
  #owed = 0;
  #source: BackendConnection | null = null;
  #order: ReplyOrder<BackendConnection> | null = null;
  /** Set while input waits for the replies owed. */
  #afterQuiet: (() => void) | null = null;
  #isEnding = false;
  #fullBackends = 0;
  #isReading = true;

  constructor(context: ProxyContext, session: Session) {
    this.context = context;
    this.session = session;
    this.activeMs = context.loop.nowMs;
  }

  attach(transport: Transport): void {
    this.#transport = transport;
  }

  get peer(): string {
    return this.#transport?.peer ?? '';
  }

  get owed(): number {
    return this.#owed;
  }

  get isAccepting(): boolean {
    return this.#afterQuiet === null && !this.#isEnding && !this.isClosed;
  }

  get isBacklogged(): boolean {
    return this.#transport !== null && this.#transport.queuedBytes > 0;
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
    if (order === null && isSingleSource) this.#source = backend;
    else (order ?? this.#enterOrder()).expect(backend, count);
    this.#owed += count;
    if (backend.isFull && backend.awaitRoom(this)) this.#fullBackends++;
    return true;
  }

  reply(bytes: Buffer): void {
    if (this.isClosed) return;
    if (bytes[0] === ERROR_MARKER) this.context.counters[ERROR_REPLIES]!++;
    if (this.#owed === 0) {
      this.context.loop.output.append(this, bytes, 0, bytes.length);
      return;
    }
    const order = this.#order ?? this.#enterOrder();
    order.pushLocal(bytes);
    this.#limitOutput(order.heldBytes);
  }

  whenQuiet(action: () => void): void {
    if (this.#owed > 0) {
      this.#afterQuiet = action;
      this.#updateReading();
    } else action();
  }

  endAfterReplies(): void {
    this.#isEnding = true;
    this.#carry = null;
    // What still comes is read and dropped, so that the end of the client's side is noticed.
    this.#updateReading();
    if (this.#owed === 0) this.#finish();
  }

  destroy(): void {
    if (this.isClosed) return;
    this.#transport?.destroy();
    this.onClose();
  }

  onBytes(buffer: Buffer, length: number): void {
    this.activeMs = this.context.loop.nowMs;
    this.context.counters[NET_INPUT_BYTES]! += length;
    if (this.isClosed || this.#isEnding) return;
    if (this.#carry === null) {
      const consumed = this.#afterQuiet !== null ? 0 : dispatch(this, buffer, 0, length);
      if (consumed < length) this.#keep(buffer, consumed, length);
    } else {
      this.#carry.append(buffer, 0, length);
      if (this.#carry.length > inputBytesMax(this)) {
        failProtocol(this, 'Protocol error: command exceeds the query buffer limit');
      } else if (this.#afterQuiet === null) this.#runCarry(this.#carry);
    }
    this.context.loop.output.flush();
    if (!this.#isReading || this.#fullBackends > 0) this.#updateReading();
  }

  onDrain(): void {
    if (!this.#isReading) this.#updateReading();
  }

  onEnd(): void {
    // A client may shut down its sending side and still read the replies it is owed.
    if (!this.isClosed) this.endAfterReplies();
  }

  onClose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#carry = null;
    this.#order = null;
    this.#afterQuiet = null;
    this.context.forget(this);
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
    if (order === null) this.context.loop.output.append(this, bytes, start, end);
    else {
      order.accept(source, { bytes, start, end, completed }, this);
      this.#limitOutput(order.heldBytes);
    }
    this.#settle(completed);
    if (!this.#isReading) this.#updateReading();
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

  onBackendRoom(): void {
    this.#fullBackends--;
    if (!this.isClosed) this.#updateReading();
  }

  send(bytes: Uint8Array): boolean {
    const transport = this.#transport;
    if (transport === null || this.isClosed) return true;
    this.context.counters[NET_OUTPUT_BYTES]! += bytes.length;
    if (transport.write(bytes)) return true;
    this.#limitOutput(transport.queuedBytes);
    return false;
  }

  /** Pauses or closes a client whose output waits for the network, or for replies that come before it. */
  #limitOutput(waitingBytes: number): void {
    const { outputBytesMax, outputPauseBytes } = this.context.options;
    if (waitingBytes <= outputPauseBytes || this.isClosed) return;
    if (waitingBytes > outputBytesMax) {
      const facts = { client: this.peer, waitingBytes };
      this.context.logger.warn(facts, 'client closed: output limit reached');
      this.destroy();
    } else this.#updateReading();
  }

  #settle(completed: number): void {
    this.#owed -= completed;
    if (this.#owed !== 0) return;
    this.#order = null;
    if (this.#isEnding) this.#finish();
    else if (this.#afterQuiet !== null) this.#unstall();
  }

  #unstall(): void {
    const action = this.#afterQuiet;
    this.#afterQuiet = null;
    action?.();
    if (this.#carry !== null && this.isAccepting) this.#runCarry(this.#carry);
    this.#updateReading();
  }

  #enterOrder(): ReplyOrder<BackendConnection> {
    const order = new ReplyOrder<BackendConnection>();
    if (this.#source !== null && this.#owed > 0) order.expect(this.#source, this.#owed);
    this.#order = order;
    return order;
  }

  #finish(): void {
    this.context.loop.output.flush();
    this.#transport?.end();
  }

  #runCarry(carry: InputCarry): void {
    const { scanner } = this.context.loop;
    if (!carry.isWorthScanning(scanner)) return;
    const consumed = dispatch(this, carry.bytes, 0, carry.length);
    if (this.#carry !== carry) return;
    if (consumed === carry.length) this.#carry = null;
    else {
      carry.consume(consumed);
      if (this.#afterQuiet === null) carry.note(scanner);
    }
  }

  #keep(buffer: Buffer, start: number, end: number): void {
    if (this.isClosed || this.#isEnding) return;
    this.#carry = new InputCarry(buffer, start, end);
    if (this.#afterQuiet === null) this.#carry.note(this.context.loop.scanner);
  }

  #updateReading(): void {
    const transport = this.#transport;
    if (transport === null) return;
    const { outputPauseBytes } = this.context.options;
    const isReading =
      this.#isEnding ||
      (this.#afterQuiet === null &&
        this.#fullBackends === 0 &&
        (this.#order === null || this.#order.heldBytes <= outputPauseBytes) &&
        transport.queuedBytes <= outputPauseBytes);
    if (isReading === this.#isReading) return;
    this.#isReading = isReading;
    if (isReading) transport.resume();
    else transport.pause();
  }
}

function inputBytesMax({ session, context }: Client): number {
  const { queryBufferBytesMax, unauthenticatedBytesMax } = context.options;
  if (session.isAuthenticated) return queryBufferBytesMax;
  return Math.min(queryBufferBytesMax, unauthenticatedBytesMax);
}

function lossReply(source: BackendConnection, loss: BackendLoss): Buffer {
  const { address, timeoutMs } = source.options;
  switch (loss) {
    case 'unreachable':
      return errorReply(`CLUSTERDOWN Hash slot not served: cannot reach ${address}`);
    case 'lost':
      return errorReply(
        `ERR connection to ${address} was lost, the command may have been executed`,
      );
    case 'timeout':
      return errorReply(
        `ERR no reply from ${address} within ${timeoutMs} ms, the command may have been executed`,
      );
  }
}
