/** Milliseconds since the Unix epoch. */
export type Millis = number & { readonly __brand: 'Millis' };

/** Cancels a timer. Safe to call twice, and after the timer fired. */
export type CancelTimer = () => void;

/** Time as an argument: the real one is in `@undermoon/runtime/node`, a virtual one in the simulator. */
export interface Clock {
  /** Wall clock time. May jump. */
  now(): Millis;
  /** Milliseconds of a clock that never goes back, from an arbitrary zero. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`. */
  after(delayMs: number, callback: () => void): CancelTimer;
}
