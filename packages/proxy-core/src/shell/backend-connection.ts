import {
  encodeCommand,
  MALFORMED,
  ReplyStream,
  RespProtocolError,
  scanReply,
  ValueDecoder,
} from '@undermoon/resp';
import { hostOf, type NodeAddress, portOf } from '@undermoon/cluster-meta';
import { RunQueue } from '../core/run-queue.ts';
import type { DataLoop, TurnFlush } from './data-loop.ts';
import { SLAB_BYTES, type Slab } from './slab.ts';
import type { Transport, TransportHandler } from './transport.ts';

const PUSH_MARKER = 0x3e;

/** Why replies will not come. */
export type BackendLoss =
  /** The commands were never sent. */
  | 'unreachable'
  /** The commands were sent and may have been executed. */
  | 'lost'
  /** No reply within the backend timeout; the commands may have been executed. */
  | 'timeout';

/** Who waits for replies of a backend. Lives as long as its own connection. */
export interface ReplySink {
  /**
   * `bytes[start, end)` holds `completed` whole replies, possibly followed by a part of the next. The
   * bytes are only valid during the call.
   */
  onReplyBytes(
    source: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void;
  /** The next `count` replies of `source` will not come. `isCut`: a part of the first was delivered. */
  onReplyLoss(source: BackendConnection, count: number, loss: BackendLoss, isCut: boolean): void;
  /** `source` accepts requests again after it was full. */
  onBackendRoom(): void;
}

/** Credentials for the Redis server, where it wants any. */
export interface BackendCredentials {
  readonly username: string | null;
  readonly password: string;
}

/** Fixed properties of a backend connection. */
export interface BackendOptions {
  readonly address: NodeAddress;
  readonly protocol: 2 | 3;
  readonly credentials: BackendCredentials | null;
  readonly connectTimeoutMs: number;
  readonly timeoutMs: number;
  readonly retryDelayMs: number;
  /** Bytes waiting for the kernel above which clients are no longer read. */
  readonly queuedBytesMax: number;
  /** Replies owed above which clients are no longer read. */
  readonly pendingMax: number;
}

/**
 * | state      | on request            | on connect | on loss                    |
 * |------------|-----------------------|------------|----------------------------|
 * | idle       | connect, queue        | -          | -                          |
 * | connecting | queue                 | ready      | idle, refuse for a moment  |
 * | ready      | queue, write at turn  | -          | idle, requests fail        |
 * | closed     | refuse                | -          | -                          |
 */
type State = 'idle' | 'connecting' | 'ready' | 'closed';

/** A handshake whose replies are still to come. */
interface Greeting {
  readonly decoder: ValueDecoder;
  left: number;
}

/** One pipelined connection to a Redis server, shared by many clients. */
export class BackendConnection implements TransportHandler, TurnFlush {
  readonly options: BackendOptions;
  readonly #loop: DataLoop;
  readonly #queue = new RunQueue<ReplySink>();
  #stream = new ReplyStream();
  readonly #waiting = new Set<ReplySink>();
  #state: State = 'idle';
  #transport: Transport | null = null;
  #slab: Slab | null = null;
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #progressMs = 0;
  #retryAtMs = 0;
  #isDraining = false;
  #greeting: Greeting | null = null;

  constructor(loop: DataLoop, options: BackendOptions) {
    this.#loop = loop;
    this.options = options;
  }

  get state(): State {
    return this.#state;
  }

  /** Replies owed. */
  get pending(): number {
    return this.#queue.total;
  }

  /** Whether clients that want this backend should not be read for now. */
  get isFull(): boolean {
    const queued = this.#transport === null ? this.#earlyBytes : this.#transport.queuedBytes;
    return queued > this.options.queuedBytesMax || this.#queue.total > this.options.pendingMax;
  }

  /** Calls `sink.onBackendRoom()` once when there is room again. */
  awaitRoom(sink: ReplySink): void {
    this.#waiting.add(sink);
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
    if (this.#queue.total === 0) this.#progressMs = this.#loop.nowMs;
    this.#queue.push(sink, count, canMerge);
    this.#append(bytes, start, end);
    return true;
  }

  /** Closes when the last owed reply has come; new requests are refused. */
  drain(): void {
    this.#isDraining = true;
    if (this.#queue.total === 0) this.destroy();
  }

  destroy(): void {
    const transport = this.#transport;
    this.#state = 'closed';
    this.#transport = null;
    transport?.destroy();
    this.#failAll('lost');
  }

  /** Fails a connection whose oldest request got no answer for too long. Called by the coarse timer. */
  checkDeadline(): void {
    if (this.#state !== 'ready' || this.#queue.total === 0) return;
    if (this.#loop.nowMs - this.#progressMs < this.options.timeoutMs) return;
    this.#fail('timeout');
  }

  onBytes(buffer: Buffer, length: number): void {
    this.#progressMs = this.#loop.nowMs;
    const isSane =
      this.#greeting !== null && this.#transport !== null
        ? this.#onGreetingBytes(this.#greeting, this.#transport, buffer.subarray(0, length))
        : this.#demux(buffer, length);
    if (!isSane) this.#fail('lost');
    this.#loop.output.flush();
    if (this.#waiting.size > 0 && !this.isFull) this.#offerRoom();
    if (this.#isDraining && this.#queue.total === 0) this.destroy();
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
    const slab = this.#slab;
    const transport = this.#transport;
    if (slab === null || transport === null || this.#state !== 'ready') return;
    this.#slab = null;
    if (transport.queuedBytes > 0) {
      transport.write(Buffer.from(slab.view()));
      this.#loop.slabs.give(slab);
    } else if (transport.write(slab.view())) this.#loop.slabs.give(slab);
  }

  #canQueue(): boolean {
    if (this.#state === 'closed' || this.#isDraining) return false;
    if (this.#state === 'connecting') return this.#earlyBytes <= this.options.queuedBytesMax;
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
    if (this.#slab !== null && size > SLAB_BYTES - this.#slab.length) this.flushTurn();
    if (size > SLAB_BYTES) {
      this.#transport!.write(Buffer.from(bytes.subarray(start, end)));
      return;
    }
    if (this.#slab === null) {
      this.#slab = this.#loop.slabs.take();
      this.#loop.flushAtTurnEnd(this);
    }
    this.#slab.append(bytes, start, end);
  }

  /** False when the server broke the protocol. */
  #demux(buffer: Buffer, length: number): boolean {
    const queue = this.#queue;
    const stream = this.#stream;
    let pos = 0;
    while (pos < length) {
      const sink = queue.headSink();
      if (sink === null) return false;
      const start = pos;
      let left = queue.headCount();
      let completed = 0;
      if (stream.isActive) {
        const next = stream.feed(buffer, pos, length);
        if (next === MALFORMED) return false;
        pos = next;
        if (!stream.isActive) {
          completed = 1;
          left--;
        }
      }
      while (left > 0 && pos < length) {
        // Nobody subscribes or tracks on a shared connection, so a push would be counted as a reply.
        if (buffer[pos] === PUSH_MARKER) return false;
        const next = scanReply(buffer, pos, length);
        if (next === MALFORMED) return false;
        if (next < 0) {
          if (stream.feed(buffer, pos, length) === MALFORMED) return false;
          pos = length;
          break;
        }
        pos = next;
        completed++;
        left--;
      }
      if (completed > 0) queue.take(completed);
      sink.onReplyBytes(this, buffer, start, pos, completed);
    }
    return true;
  }

  #connect(): void {
    this.#state = 'connecting';
    const { address, connectTimeoutMs } = this.options;
    const target = { host: hostOf(address), port: portOf(address), timeoutMs: connectTimeoutMs };
    const transport = this.#loop.transports.connect(target, this, () => {
      if (this.#transport === transport) this.#onConnected(transport);
    });
    this.#transport = transport;
  }

  #onConnected(transport: Transport): void {
    const { protocol, credentials } = this.options;
    const commands: string[][] = [];
    if (credentials !== null) {
      const { username, password } = credentials;
      commands.push(username === null ? ['AUTH', password] : ['AUTH', username, password]);
    }
    if (protocol === 3) commands.push(['HELLO', '3']);
    if (commands.length === 0) {
      this.#becomeReady(transport);
      return;
    }
    this.#greeting = { decoder: new ValueDecoder(), left: commands.length };
    for (const command of commands) transport.write(encodeCommand(command));
  }

  /** Nothing of a client is sent before the server accepted the handshake. */
  #onGreetingBytes(greeting: Greeting, transport: Transport, bytes: Buffer): boolean {
    try {
      greeting.decoder.push(bytes);
      for (
        let reply = greeting.decoder.next();
        reply !== undefined;
        reply = greeting.decoder.next()
      ) {
        if (reply.type === 'error' || greeting.left === 0) return false;
        greeting.left--;
      }
    } catch (error) {
      if (error instanceof RespProtocolError) return false;
      throw error;
    }
    if (greeting.left === 0) this.#becomeReady(transport);
    return true;
  }

  #becomeReady(transport: Transport): void {
    this.#greeting = null;
    this.#state = 'ready';
    this.#progressMs = this.#loop.nowMs;
    for (const bytes of this.#early) transport.write(bytes);
    this.#early = [];
    this.#earlyBytes = 0;
  }

  #takeQueue(): [ReplySink, number][] {
    const runs: [ReplySink, number][] = [];
    for (let sink = this.#queue.headSink(); sink !== null; sink = this.#queue.headSink()) {
      const count = this.#queue.headCount();
      runs.push([sink, count]);
      this.#queue.take(count);
    }
    return runs;
  }

  /** Drops the socket; the next request connects anew, but not before the retry delay. */
  #fail(loss: BackendLoss): void {
    if (this.#state === 'closed') return;
    const wasSent = this.#state === 'ready';
    const transport = this.#transport;
    this.#transport = null;
    this.#state = this.#isDraining ? 'closed' : 'idle';
    this.#retryAtMs = wasSent ? 0 : this.#loop.clock.monotonicMs() + this.options.retryDelayMs;
    transport?.destroy();
    this.#failAll(wasSent ? loss : 'unreachable');
  }

  #failAll(loss: BackendLoss): void {
    const isCut = this.#stream.isActive;
    if (isCut) this.#stream = new ReplyStream();
    this.#greeting = null;
    this.#early = [];
    this.#earlyBytes = 0;
    if (this.#slab !== null) this.#loop.slabs.give(this.#slab);
    this.#slab = null;
    const runs = this.#takeQueue();
    for (let i = 0; i < runs.length; i++) {
      const [sink, count] = runs[i]!;
      sink.onReplyLoss(this, count, loss, isCut && i === 0);
    }
    this.#loop.output.flush();
    if (this.#waiting.size > 0) this.#offerRoom();
  }

  #offerRoom(): void {
    const sinks = [...this.#waiting];
    this.#waiting.clear();
    for (const sink of sinks) sink.onBackendRoom();
  }
}
