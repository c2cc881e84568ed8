/** A reproducible source of randomness. */
export interface SeededRandom {
  readonly seed: number;
  /** A whole number from 0 to `below` - 1. */
  int(below: number): number;
  pick<T>(list: readonly T[]): T;
  chance(probability: number): boolean;
  /** A source of its own, determined by the seed and the label. */
  fork(label: string): SeededRandom;
}

/** mulberry32: small, and good enough to choose commands. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return {
    seed,
    int,
    pick: (list) => {
      const item = list[int(list.length)];
      if (item === undefined) throw new RangeError('nothing to pick from');
      return item;
    },
    chance: (probability) => next() < probability,
    fork: (label) => seededRandom(hash(`${seed}/${label}`)),
  };
}

/** The seed that `text` (an environment variable, say) names, to repeat a run; a new one otherwise. */
export function chooseSeed(text: string | undefined): number {
  const given = Number(text ?? Number.NaN);
  return Number.isSafeInteger(given) ? given >>> 0 : Math.floor(Math.random() * 2 ** 32);
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}
