/** Something with bytes gathered during a loop turn. */
export interface TurnFlush {
  flushTurn(): void;
}

/** Where it says that it has some. */
export interface TurnEnd {
  /** Calls `flush.flushTurn()` once, after every socket that is ready in this turn has been read. */
  flushAtTurnEnd(flush: TurnFlush): void;
}

/** Grows to the most that one turn has had, and is filled again and again. */
export class FlushList {
  count = 0;
  #items: (TurnFlush | null)[] = [];
  #spare: (TurnFlush | null)[] = [];

  add(item: TurnFlush): void {
    this.#items[this.count++] = item;
  }

  flush(): void {
    const items = this.#items;
    const { count } = this;
    // What is flushed may ask for the next turn already.
    this.#items = this.#spare;
    this.#spare = items;
    this.count = 0;
    for (let i = 0; i < count; i++) {
      const item = items[i];
      items[i] = null;
      item?.flushTurn();
    }
  }
}
