import { MALFORMED, ReplyStream, scanReply } from '@undermoon/resp';
import { PUSH_MARKER, type PushFrames } from '../core/push-frames.ts';
import { RunQueue } from '../core/run-queue.ts';

/** Takes the bytes of replies that belong to it; they are only valid during the call. */
export interface ReplyTaker<Source> {
  /** `bytes[start, end)` holds `completed` whole replies, possibly followed by a part of the next. */
  onReplyBytes(source: Source, bytes: Buffer, start: number, end: number, completed: number): void;
}

/** Splits a server's reply stream among those who wait for it, without copying or keeping any of it. */
export class ReplyDemux<Source, Taker extends ReplyTaker<Source>> {
  readonly queue: RunQueue<Taker> = new RunQueue<Taker>();
  /** Takes what the server pushes; null: it must not. */
  pushes: PushFrames | null = null;
  readonly #stream = new ReplyStream();

  /** A part of a reply was delivered, the rest is still to come. */
  get isCut(): boolean {
    return this.#stream.isActive;
  }

  /** One for the next connection, which nobody waits for yet. */
  next(): ReplyDemux<Source, Taker> {
    const next = new ReplyDemux<Source, Taker>();
    next.pushes = this.pushes;
    next.pushes?.reset();
    return next;
  }

  /** Delivers `buffer[0, length)`. False when the server broke the protocol or sent what nobody asked for. */
  deliver(source: Source, buffer: Buffer, length: number): boolean {
    const queue = this.queue;
    const stream = this.#stream;
    let pos = 0;
    while (pos < length) {
      const { pushes } = this;
      if (
        pushes !== null &&
        (pushes.isActive || (buffer[pos] === PUSH_MARKER && !stream.isActive))
      ) {
        pos = pushes.feed(buffer, pos, length);
        if (pos === MALFORMED) return false;
        continue;
      }
      const taker = queue.headSink();
      if (taker === null) return false;
      const start = pos;
      let left = queue.headCount();
      let completed = 0;
      let isSane = true;
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
        if (buffer[pos] === PUSH_MARKER) {
          // Nobody tracks on a shared connection, so a push would be counted as a reply.
          isSane = pushes !== null;
          break;
        }
        const next = scanReply(buffer, pos, length);
        if (next === MALFORMED) {
          isSane = false;
          break;
        }
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
      // What came before the fault is right, and may end a reply that was delivered in part.
      if (pos > start) taker.onReplyBytes(source, buffer, start, pos, completed);
      if (!isSane) return false;
    }
    return true;
  }
}
