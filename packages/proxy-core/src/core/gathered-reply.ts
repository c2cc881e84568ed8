import { Buffer } from 'node:buffer';

/** Bytes that may still be gathered; negative: it was too much. Replies that are limited together share one. */
export interface GatheringRoom {
  left: number;
}

/** The pieces of one reply, as long as there is room for them. */
export class GatheredReply {
  readonly #room: GatheringRoom;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(room: GatheringRoom) {
    this.#room = room;
  }

  /** `bytes[start, end)` are only valid during the call. */
  add(bytes: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    this.#room.left -= end - start;
    if (this.#room.left >= 0) this.#pieces.push(Buffer.from(bytes.subarray(start, end)));
    else this.#pieces = [];
  }

  /** What was gathered; null: it was too much. */
  whole(): Buffer | null {
    if (this.#room.left < 0) return null;
    const [first = Buffer.alloc(0)] = this.#pieces;
    return this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
  }

  /** The rest will not come: the reply may come once more from its beginning. */
  forget(): void {
    this.#room.left += this.#bytes;
    this.#bytes = 0;
    this.#pieces = [];
  }
}
