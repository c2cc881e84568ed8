/**
 * Work that may take longer than an event loop should stand still, cut into slices: every `next()` does one
 * slice, and the last one returns the result. Nothing happens between the calls, so the caller says when,
 * and may drop the work halfway.
 */
export type Slices<T> = Generator<undefined, T, undefined>;

/** An item is what takes a fraction of a microsecond: a word, a slot range, a JSON value. */
const SLICE_ITEMS = 1000;
const GROWTH = 1.05;

/** Counts the items of a slice, so that where work is cut does not depend on a clock. */
export class SliceMeter {
  readonly #itemsPerSlice: number;
  /** Items of the next slice. */
  #size: number;
  #left: number;

  /**
   * Default 1000 items: less than half a millisecond on the machines of today. Slices begin with `firstItems`,
   * by default as many, and grow with each: code that runs for the first time is ten times slower.
   */
  constructor(itemsPerSlice: number = SLICE_ITEMS, firstItems: number = itemsPerSlice) {
    this.#itemsPerSlice = itemsPerSlice;
    this.#size = firstItems;
    this.#left = firstItems;
  }

  /** Counts `items` as done. True: the slice is full, so the work yields here. */
  isFullAfter(items: number): boolean {
    this.#left -= items;
    if (this.#left > 0) return false;
    this.#size = Math.min(this.#itemsPerSlice, this.#size * GROWTH);
    this.#left = this.#size;
    return true;
  }
}

/** Does all slices at once. */
export function finishSlices<T>(slices: Slices<T>): T {
  let step = slices.next();
  while (step.done !== true) step = slices.next();
  return step.value;
}
