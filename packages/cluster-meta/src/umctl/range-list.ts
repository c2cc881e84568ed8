import { normalizeRanges, type SlotRange, type SlotRanges } from '@undermoon/slots';

const FIRST_RANGES = 8;

/**
 * Slot ranges without an object for each of them: a command may have one for every slot, and the garbage collector
 * moves what lives.
 */
export class RangeList {
  /** The ends of the ranges in turn: start, end, start, end … */
  #bounds: Uint16Array = new Uint16Array(2 * FIRST_RANGES);
  #count = 0;

  get length(): number {
    return this.#count;
  }

  startOf(range: number): number {
    return this.#bounds[2 * range] ?? 0;
  }

  endOf(range: number): number {
    return this.#bounds[2 * range + 1] ?? 0;
  }

  /** Appends a range; both ends have to be slots. */
  addRange(start: number, end: number): void {
    const at = 2 * this.#count;
    if (at === this.#bounds.length) {
      const grown = new Uint16Array(2 * at);
      grown.set(this.#bounds);
      this.#bounds = grown;
    }
    this.#bounds[at] = start;
    this.#bounds[at + 1] = end;
    this.#count += 1;
  }

  /** Brings the ranges from number `from` on into normal form: there may be fewer afterwards. */
  normalizeFrom(from: number): void {
    if (this.#isNormalFrom(from)) return;
    // Every end is a slot, so there is a normal form.
    const ranges = normalizeRanges(this.toRanges(from, this.#count)) ?? [];
    this.#count = from;
    for (const [start, end] of ranges) this.addRange(start, end);
  }

  /** The ranges `[from, to)` as objects. */
  toRanges(from: number, to: number): SlotRanges {
    return Array.from({ length: to - from }, (_, i): SlotRange => {
      return [this.startOf(from + i), this.endOf(from + i)];
    });
  }

  #isNormalFrom(from: number): boolean {
    const bounds = this.#bounds;
    let last = -2;
    for (let at = 2 * from; at < 2 * this.#count; at += 2) {
      const start = bounds[at] ?? 0;
      const end = bounds[at + 1] ?? 0;
      if (start <= last + 1 || end < start) return false;
      last = end;
    }
    return true;
  }
}
