import type { OutputTarget } from './client-output.ts';
import type { DataLoop } from './data-loop.ts';
import { SLAB_BYTES, type Slab } from './slab.ts';
import type { TurnFlush } from './turn-flush.ts';

/** So many places of frames that were sent are kept before the list is cut. */
const SPENT_MAX = 1024;

/** The client of a queue. */
export interface PushTarget {
  readonly isClosed: boolean;
  /** What it was sent so far ends within a reply. */
  readonly isMidReply: boolean;
  /** Earlier bytes are still waiting for the kernel. */
  readonly isBacklogged: boolean;
  /** Sends bytes, replies being turned off or not: see `OutputTarget.send`. */
  transmit(bytes: Uint8Array, slab: Slab | null): boolean;
}

/**
 * What one client gets without having asked for it just now. It leaves together at the end of a turn of the
 * loop, but never within a reply, and while the client is slow to read it waits here: frames are shared by all
 * who get them, so a slow client costs a reference for each.
 */
export class PushQueue implements OutputTarget, TurnFlush {
  /** Bytes that wait here. */
  heldBytes = 0;
  readonly #loop: DataLoop;
  readonly #target: PushTarget;
  #frames: Uint8Array[] = [];
  #first = 0;
  #isAwaitingTurn = false;

  constructor(loop: DataLoop, target: PushTarget) {
    this.#loop = loop;
    this.#target = target;
  }

  get isBacklogged(): boolean {
    return this.#target.isBacklogged;
  }

  /** Adds a whole frame, which nobody changes any more. */
  add(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.heldBytes += frame.length;
    if (this.#isAwaitingTurn) return;
    this.#isAwaitingTurn = true;
    this.#loop.flushAtTurnEnd(this);
  }

  flushTurn(): void {
    this.#isAwaitingTurn = false;
    this.flush();
  }

  /** Sends what may be sent now. `isForced`: the client need not have taken what it was sent before. */
  flush(isForced: boolean = false): void {
    while (this.#frames.length > this.#first && !this.#isBarred(isForced)) {
      const frames = this.#takeSome();
      const { output } = this.#loop;
      // What the client was sent before leaves before.
      output.flush();
      if (frames.length === 1) {
        // Not copied: all who get it share it.
        for (const frame of frames) this.send(frame, null);
      } else {
        for (const frame of frames) output.append(this, frame, 0, frame.length);
        output.flush();
      }
    }
  }

  /** Forgets everything: the client is gone. */
  clear(): void {
    this.#frames = [];
    this.#first = 0;
    this.heldBytes = 0;
  }

  send(bytes: Uint8Array, slab: Slab | null): boolean {
    return this.#target.transmit(bytes, slab);
  }

  #isBarred(isForced: boolean): boolean {
    const target = this.#target;
    return target.isClosed || target.isMidReply || (target.isBacklogged && !isForced);
  }

  /** The next frame, or as many as fit into one slab. */
  #takeSome(): readonly Uint8Array[] {
    const frames = this.#frames;
    let size = 0;
    let end = this.#first;
    for (; end < frames.length; end++) {
      const length = frames[end]?.length ?? 0;
      if (size > 0 && size + length > SLAB_BYTES) break;
      size += length;
    }
    this.heldBytes -= size;
    if (end === frames.length) {
      const rest = this.#first === 0 ? frames : frames.slice(this.#first);
      this.#frames = [];
      this.#first = 0;
      return rest;
    }
    const some = frames.slice(this.#first, end);
    this.#first = end;
    if (end > SPENT_MAX) {
      this.#frames = frames.slice(end);
      this.#first = 0;
    }
    return some;
  }
}
