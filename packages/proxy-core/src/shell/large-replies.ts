import type { Buffer } from 'node:buffer';
import type { OutputTarget } from './client-output.ts';
import type { TurnEnd, TurnFlush } from './turn-flush.ts';

/** Larger replies leave in pieces of this size. */
export const PIECE_BYTES = 65_536;
/** What the kernel is given in one turn of the loop, for all clients together: some 0.1 ms. */
const BYTES_PER_TURN = 262_144;
/** What a piece costs beside its bytes: a system call. */
const PIECE_COST_BYTES = 16_384;

/** A client that large replies go to. */
export interface LargeReplyTarget extends OutputTarget {
  readonly isClosed: boolean;
  /** The last piece was handed over. */
  onLargeReplySent(): void;
}

/** A reply on its way to one client. Nothing else may be sent to that client until it has left. */
export class LargeReply {
  readonly #queue: LargeReplies;
  readonly #target: LargeReplyTarget;
  readonly #bytes: Buffer;
  #sentBytes = 0;
  #isQueued = false;

  constructor(queue: LargeReplies, target: LargeReplyTarget, bytes: Buffer) {
    this.#queue = queue;
    this.#target = target;
    this.#bytes = bytes;
  }

  get leftBytes(): number {
    return this.#bytes.length - this.#sentBytes;
  }

  /** Goes on as soon as it is this reply's turn: at the start, and when the socket has taken what it was given. */
  resume(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#queue.add(this);
  }

  /** Hands one piece over. False: the next one has to wait for `resume`, or there is none. */
  sendPiece(): boolean {
    const start = this.#sentBytes;
    if (this.#target.isClosed) return this.#stop();
    this.#sentBytes = Math.min(start + PIECE_BYTES, this.#bytes.length);
    const isTaken = this.#target.send(this.#bytes.subarray(start, this.#sentBytes), null);
    if (this.leftBytes === 0 && !this.#target.isClosed) {
      this.#stop();
      this.#target.onLargeReplySent();
      return false;
    }
    return isTaken || this.#stop();
  }

  #stop(): false {
    this.#isQueued = false;
    return false;
  }
}

/**
 * Large replies of one loop. A thousand clients may ask for a megabyte each at once: in a turn of the loop only so
 * many bytes are handed over, in the order in which clients asked; one whose socket is full lets the others go
 * ahead. There are no more of them than clients.
 */
export class LargeReplies implements TurnFlush {
  readonly #loop: TurnEnd;
  readonly #ready: LargeReply[] = [];

  constructor(loop: TurnEnd) {
    this.#loop = loop;
  }

  add(reply: LargeReply): void {
    this.#ready.push(reply);
    if (this.#ready.length === 1) this.#loop.flushAtTurnEnd(this);
  }

  flushTurn(): void {
    let left = BYTES_PER_TURN;
    for (let reply = this.#ready[0]; reply !== undefined && left > 0; reply = this.#ready[0]) {
      left -= PIECE_BYTES + PIECE_COST_BYTES;
      // While it is the first of the list, whoever is added meanwhile does not ask for a turn of its own.
      if (!reply.sendPiece()) this.#ready.shift();
    }
    if (this.#ready.length > 0) this.#loop.flushAtTurnEnd(this);
  }
}
