import { DETOUR, type Session } from '../core/session.ts';
import { LargeReply, type LargeReplyTarget } from './large-replies.ts';
import { CLIENTS_OVER_OUTPUT, NET_OUTPUT_BYTES } from './loop-counters.ts';
import type { ProxyContext } from './proxy-context.ts';
import type { ReaderWait } from './reader-wait.ts';
import type { Slab } from './slab.ts';
import { UNKNOWN_PEER, type Transport } from './transport.ts';

const OUTPUT_LIMIT_REACHED = 'client closed: output limit reached';
/** Of all that may wait for a client: with more, the server of a reply that goes on waits for the client. */
const SLOW_SHARE = 7 / 8;
const MUTED = { OFF: 1, SKIP: 2 } as const;

/** The way out to one client: bytes go to its socket, or nowhere while replies are not wanted, within bounds. */
export abstract class ClientSending implements LargeReplyTarget {
  context: ProxyContext;
  readonly session: Session;
  isClosed = false;
  protected transport: Transport | null = null;
  /** Whether the client is read now. */
  protected isReading = true;
  /** Set while a large reply leaves piece by piece. */
  #large: LargeReply | null = null;
  /** The connection that waits for this client to take a large reply, or did during this reply. */
  #server: ReaderWait | null = null;
  /** Bits of MUTED. While any is set, what would be sent is dropped. */
  #muted = 0;

  constructor(context: ProxyContext, session: Session) {
    this.context = context;
    this.session = session;
  }

  /** Bytes that wait for the network, or for what comes before them. */
  abstract get outputBytes(): number;
  /** Closes at once. */
  abstract destroy(): void;
  /** Reads the client, or not, whichever fits its state now. */
  protected abstract updateReading(): void;
  /** The last piece of a large reply was handed over. */
  protected abstract onLastPiece(): void;

  attach(transport: Transport): void {
    this.transport = transport;
  }

  /** The client's "host:port"; empty when it is gone. */
  get peer(): string {
    return this.transport?.peer ?? UNKNOWN_PEER;
  }

  get isBacklogged(): boolean {
    return this.transport !== null && this.transport.queuedBytes > 0;
  }

  /** Some or all replies are not wanted. */
  protected get isMuted(): boolean {
    return this.#muted !== 0;
  }

  /** A large reply has not left as a whole. */
  protected get isSendingInPieces(): boolean {
    return this.#large !== null;
  }

  /** What waits for the socket. */
  protected get sendingBytes(): number {
    return (this.transport?.queuedBytes ?? 0) + (this.#large?.leftBytes ?? 0);
  }

  setReplies(mode: 'on' | 'off' | 'reset'): void {
    this.context.loop.output.flush();
    if (mode === 'off') this.#muted |= MUTED.OFF;
    else this.#muted = mode === 'on' ? 0 : this.#muted & ~MUTED.OFF;
  }

  skipNextReply(): void {
    if ((this.#muted & MUTED.OFF) === 0) this.session.detours |= DETOUR.SKIP;
  }

  beginSkip(): void {
    this.context.loop.output.flush();
    this.session.detours &= ~DETOUR.SKIP;
    this.#muted |= MUTED.SKIP;
  }

  endSkip(): void {
    this.context.loop.output.flush();
    this.#muted &= ~MUTED.SKIP;
  }

  send(bytes: Uint8Array, slab: Slab | null): boolean {
    return this.#muted !== 0 || this.transmit(bytes, slab);
  }

  transmit(bytes: Uint8Array, slab: Slab | null): boolean {
    const transport = this.transport;
    if (transport === null || this.isClosed) return true;
    this.context.counters[NET_OUTPUT_BYTES]! += bytes.length;
    if (transport.write(bytes, slab)) return true;
    this.limitOutput(this.sendingBytes);
    return false;
  }

  /** Sends bytes that nobody changes any more, piece by piece; `onLastPiece` follows. Nothing else may be sent. */
  protected sendInPieces(bytes: Buffer): void {
    this.#large = new LargeReply(this.context.loop.largeReplies, this, bytes);
    this.#large.resume();
  }

  /** The socket has taken what it was given. */
  protected resumeLargeReply(): void {
    this.#large?.resume();
  }

  onLargeReplySent(): void {
    this.#large = null;
    this.onLastPiece();
  }

  /** A reply that is larger than all that may wait for this client comes as fast as the client takes it. */
  protected slowDown(server: ReaderWait): void {
    const { outputBytesMax } = this.context.options;
    if (this.isClosed || this.sendingBytes < outputBytesMax * SLOW_SHARE) return;
    if (server.begin()) this.#server = server;
  }

  /** The client has taken what was sent to it. */
  protected readOn(): void {
    this.#server?.end();
  }

  /** The reply has come as a whole, or the client is gone. */
  protected endWait(): void {
    if (this.#server === null) return;
    this.#server.forget();
    this.#server = null;
  }

  /** Pauses or closes a client whose output waits for the network, or for replies that come before it. */
  protected limitOutput(waitingBytes: number): void {
    const { outputBytesMax, outputPauseBytes, outputSoftBytes } = this.context.options;
    if (waitingBytes <= outputPauseBytes || this.isClosed) return;
    if (waitingBytes > outputBytesMax) {
      this.context.logger.warn({ client: this.peer, waitingBytes }, OUTPUT_LIMIT_REACHED);
      this.context.counters[CLIENTS_OVER_OUTPUT]!++;
      this.destroy();
      return;
    }
    if (outputSoftBytes > 0 && waitingBytes > outputSoftBytes)
      this.context.directory.watchOutput(this);
    this.updateReading();
  }
}
