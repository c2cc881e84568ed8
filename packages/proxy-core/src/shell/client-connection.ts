import { errorReply } from '../core/replies.ts';
import { type EmitReply, ReplyOrder } from '../core/reply-order.ts';
import type { Session } from '../core/session.ts';
import type { BackendConnection, BackendLoss, ReplySink } from './backend-connection.ts';
import type { OutputTarget } from './client-output.ts';
import { dispatch } from './dispatcher.ts';
import { InputCarry } from './input-carry.ts';
import type { Client, ProxyContext } from './proxy-context.ts';
import type { Transport, TransportHandler } from './transport.ts';

const ERROR_MARKER = 0x2d;

/**
 * One client: bytes in, replies out in request order, backpressure both ways. Parsing and routing are in
 * the dispatcher; this file knows sockets, order and life cycle.
 */
export class ClientConnection implements Client, TransportHandler, ReplySink, OutputTarget {
  readonly context: ProxyContext;
  readonly session: Session;
  isClosed = false;
  activeMs: number;
  #transport: Transport | null = null;
  #carry: InputCarry | null = null;
  #owed = 0;
  #source: BackendConnection | null = null;
  #order: ReplyOrder<BackendConnection> | null = null;
  #isStalled = false;
  #afterQuiet: (() => void) | null = null;
  #isEnding = false;
  #isBackendFull = false;
  #isReading = true;
  readonly #emit: EmitReply = (bytes, start, end) => {
    this.context.loop.output.append(this, bytes, start, end);
  };

  constructor(context: ProxyContext, session: Session) {
    this.context = context;
    this.session = session;
    this.activeMs = context.loop.nowMs;
  }

  attach(transport: Transport): void {
    this.#transport = transport;
  }

  get owed(): number {
    return this.#owed;
  }

  get isAccepting(): boolean {
    return !this.#isStalled && !this.#isEnding && !this.isClosed;
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
    if (backend.isFull) {
      this.#isBackendFull = true;
      backend.awaitRoom(this);
    }
    return true;
  }

  reply(bytes: Buffer): void {
    if (this.isClosed) return;
    if (bytes[0] === ERROR_MARKER) this.context.counters.errorReplies++;
    if (this.#owed === 0) {
      this.context.loop.output.append(this, bytes, 0, bytes.length);
      return;
    }
    (this.#order ?? this.#enterOrder()).pushLocal(bytes);
  }

  whenQuiet(action: () => void): void {
    if (this.#owed === 0) {
      action();
      return;
    }
    this.#isStalled = true;
    this.#afterQuiet = action;
    this.#updateReading();
  }

  endAfterReplies(): void {
    this.#isEnding = true;
    this.#carry = null;
    if (this.#owed === 0) this.#finish();
  }

  failProtocol(text: string): void {
    this.reply(errorReply(`ERR ${text}`));
    this.endAfterReplies();
  }

  destroy(): void {
    if (this.isClosed) return;
    this.#transport?.destroy();
    this.onClose();
  }

  onBytes(buffer: Buffer, length: number): void {
    this.activeMs = this.context.loop.nowMs;
    this.context.counters.netInputBytes += length;
    if (this.isClosed || this.#isEnding) return;
    if (this.#carry === null) {
      const consumed = this.#isStalled ? 0 : dispatch(this, buffer, 0, length);
      if (consumed < length) this.#keep(buffer, consumed, length);
    } else {
      this.#carry.append(buffer, 0, length);
      if (this.#carry.length > this.context.options.queryBufferBytesMax) {
        this.failProtocol('Protocol error: command exceeds the query buffer limit');
      } else if (!this.#isStalled) this.#runCarry(this.#carry);
    }
    this.context.loop.output.flush();
    if (!this.#isReading || this.#isBackendFull) this.#updateReading();
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
    this.context.clients.delete(this.session.id);
  }

  onReplyBytes(
    source: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    if (this.isClosed) return;
    if (this.#order === null) this.context.loop.output.append(this, bytes, start, end);
    else this.#order.accept(source, { bytes, start, end, completed }, this.#emit);
    this.#settle(completed);
  }

  onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss, isCut: boolean): void {
    if (this.isClosed) return;
    if (isCut) {
      // A part of the reply is out already: an error in its place would be read as its data.
      this.destroy();
      return;
    }
    const error = lossReply(source, loss);
    let left = count;
    while (left > 0 && !this.isClosed) {
      const some = this.#order === null ? left : Math.min(left, this.#order.openCount(source));
      for (let i = 0; i < some; i++) this.onReplyBytes(source, error, 0, error.length, 1);
      left -= some;
    }
  }

  onBackendRoom(): void {
    this.#isBackendFull = false;
    if (!this.isClosed) this.#updateReading();
  }

  send(bytes: Uint8Array): boolean {
    const transport = this.#transport;
    if (transport === null || this.isClosed) return true;
    this.context.counters.netOutputBytes += bytes.length;
    if (transport.write(bytes)) return true;
    const { outputBytesMax, outputPauseBytes } = this.context.options;
    if (transport.queuedBytes > outputBytesMax) {
      this.context.logger.warn(
        { client: this.session.peer, queuedBytes: transport.queuedBytes },
        'client closed: output limit reached',
      );
      this.destroy();
    } else if (transport.queuedBytes > outputPauseBytes) this.#updateReading();
    return false;
  }

  #settle(completed: number): void {
    this.#owed -= completed;
    if (this.#owed !== 0) return;
    this.#order = null;
    if (this.#isEnding) this.#finish();
    else if (this.#isStalled) this.#unstall();
  }

  #unstall(): void {
    const action = this.#afterQuiet;
    this.#afterQuiet = null;
    this.#isStalled = false;
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
      if (!this.#isStalled) carry.note(scanner);
    }
  }

  #keep(buffer: Buffer, start: number, end: number): void {
    if (this.isClosed || this.#isEnding) return;
    this.#carry = new InputCarry(buffer, start, end);
    if (!this.#isStalled) this.#carry.note(this.context.loop.scanner);
  }

  #updateReading(): void {
    const transport = this.#transport;
    if (transport === null) return;
    const isReading =
      !this.#isStalled &&
      !this.#isBackendFull &&
      transport.queuedBytes <= this.context.options.outputPauseBytes;
    if (isReading === this.#isReading) return;
    this.#isReading = isReading;
    if (isReading) transport.resume();
    else transport.pause();
  }
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
