const INITIAL_CAPACITY = 64;

/**
 * The replies that one backend connection still owes, as runs: "the next n replies belong to this sink".
 * A ring that doubles when full; consecutive runs of one sink may merge, so that a pipeline of any length is
 * one entry. Nothing is allocated per command.
 *
 *      head                   head + runs
 *       v                        v
 *   [ A:3 | B:1 | A:16 | C:2 |   .   |   .   ]
 */
export class RunQueue<Sink> {
  /** Replies owed in all. */
  total = 0;
  #sinks: (Sink | null)[] = emptyRing<Sink>(INITIAL_CAPACITY);
  #counts = new Int32Array(INITIAL_CAPACITY);
  #mask = INITIAL_CAPACITY - 1;
  #head = 0;
  #runs = 0;

  /**
   * Appends `count` replies owed to `sink`. They merge with the last run if that is the same sink's, unless
   * the sink wants to be told where one batch of its replies ends and the next begins.
   */
  push(sink: Sink, count: number, canMerge: boolean): void {
    this.total += count;
    if (this.#runs > 0) {
      const last = (this.#head + this.#runs - 1) & this.#mask;
      if (canMerge && this.#sinks[last] === sink) {
        this.#counts[last]! += count;
        return;
      }
      if (this.#runs > this.#mask) this.#grow();
    }
    const index = (this.#head + this.#runs) & this.#mask;
    this.#sinks[index] = sink;
    this.#counts[index] = count;
    this.#runs++;
  }

  /** The sink of the next reply, or null when none is owed. */
  headSink(): Sink | null {
    return this.#runs === 0 ? null : this.#sinks[this.#head]!;
  }

  /** How many of the next replies belong to the head sink. */
  headCount(): number {
    return this.#runs === 0 ? 0 : this.#counts[this.#head]!;
  }

  /** Takes `count` replies (at most `headCount()`) off the head run. */
  take(count: number): void {
    const index = this.#head;
    this.total -= count;
    this.#counts[index]! -= count;
    if (this.#counts[index] !== 0) return;
    this.#sinks[index] = null;
    this.#head = (index + 1) & this.#mask;
    this.#runs--;
  }

  // Cold path: once for a connection that broke.
  /** Takes all runs, oldest first. */
  takeAll(): { sink: Sink; count: number }[] {
    const runs: { sink: Sink; count: number }[] = [];
    for (let i = 0; i < this.#runs; i++) {
      const index = (this.#head + i) & this.#mask;
      runs.push({ sink: this.#sinks[index]!, count: this.#counts[index]! });
      this.#sinks[index] = null;
    }
    this.#runs = 0;
    this.total = 0;
    return runs;
  }

  #grow(): void {
    const size = this.#mask + 1;
    const sinks = emptyRing<Sink>(size * 2);
    const counts = new Int32Array(size * 2);
    for (let i = 0; i < size; i++) {
      const from = (this.#head + i) & this.#mask;
      sinks[i] = this.#sinks[from]!;
      counts[i] = this.#counts[from]!;
    }
    this.#sinks = sinks;
    this.#counts = counts;
    this.#mask = size * 2 - 1;
    this.#head = 0;
  }
}

function emptyRing<Sink>(size: number): (Sink | null)[] {
  const ring: (Sink | null)[] = [];
  for (let i = 0; i < size; i++) ring.push(null);
  return ring;
}
