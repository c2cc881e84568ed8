/** Something with bytes gathered during a loop turn. */
export interface TurnFlush {
  flushTurn(): void;
}

/** Where it says that it has some. */
export interface TurnEnd {
  /** Calls `flush.flushTurn()` once, after every socket that is ready in this turn has been read. */
  flushAtTurnEnd(flush: TurnFlush): void;
}
