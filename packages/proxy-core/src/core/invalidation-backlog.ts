import { allKeys, type InvalidationPayload } from './invalidation.ts';

/**
 * What a client of another event loop is still to be told. It is bounded: what would be more than `bytesMax`
 * becomes a word about all keys, which says no less.
 */
export class InvalidationBacklog {
  #payloads: InvalidationPayload[] = [];
  #bytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#payloads.length === 0;
  }

  /** `protocol`: that of the client that tracks. */
  add(payload: InvalidationPayload, protocol: 2 | 3): void {
    this.#payloads.push(payload);
    this.#bytes += payload.length;
    if (this.#bytes <= this.#bytesMax) return;
    const all = allKeys(protocol);
    this.#payloads = [all];
    this.#bytes = all.length;
  }

  /** Everything, oldest first; nothing is left. */
  takeAll(): readonly InvalidationPayload[] {
    const payloads = this.#payloads;
    this.#payloads = [];
    this.#bytes = 0;
    return payloads;
  }
}
