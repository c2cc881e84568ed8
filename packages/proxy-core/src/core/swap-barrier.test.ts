import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BARRIER_IDLE,
  type BarrierEffect,
  type BarrierEvent,
  type BarrierState,
  stepBarrier,
} from './swap-barrier.ts';

const change = (target: string, loops: readonly number[] = [1, 2]): BarrierEvent<string> => ({
  kind: 'change',
  target,
  loops,
});
const held = (loop: number, generation: number): BarrierEvent<string> => ({
  kind: 'held',
  loop,
  generation,
});
const timeout: BarrierEvent<string> = { kind: 'timeout' };

/** The effects of each event. */
function play(...events: readonly BarrierEvent<string>[]): BarrierEffect<string>[][] {
  let state: BarrierState<string> = BARRIER_IDLE;
  return events.map((event) => {
    const step = stepBarrier(state, event);
    state = step.state;
    return [...step.effects];
  });
}

describe('by script', () => {
  test('commits when the last loop holds', () => {
    expect(play(change('a'), held(1, 1), held(1, 1), held(2, 1))).toEqual([
      [{ kind: 'hold', generation: 1, target: 'a' }],
      [],
      [],
      [{ kind: 'commit', generation: 1, target: 'a' }],
    ]);
  });

  test('without other loops it commits at once', () => {
    expect(play(change('a', []))).toEqual([[{ kind: 'commit', generation: 1, target: 'a' }]]);
  });

  test('a newer target replaces the one that waits, and every loop has to hold for it', () => {
    expect(play(change('a'), held(1, 1), change('b'), held(2, 1), held(1, 2), held(2, 2))).toEqual([
      [{ kind: 'hold', generation: 1, target: 'a' }],
      [],
      [{ kind: 'hold', generation: 2, target: 'b' }],
      [],
      [],
      [{ kind: 'commit', generation: 2, target: 'b' }],
    ]);
  });

  test('after the time limit it goes on without the loops that are late', () => {
    expect(play(change('a'), held(2, 1), timeout, held(1, 1), timeout)).toEqual([
      [{ kind: 'hold', generation: 1, target: 'a' }],
      [],
      [
        { kind: 'late', loops: [1] },
        { kind: 'commit', generation: 1, target: 'a' },
      ],
      [],
      [],
    ]);
  });
});

/**
 * Loops as they are: each gets holds and commits in order but any time later, acknowledges a hold when it
 * sees it, and routes at any time by what it has seen. Tables are numbers; a loop that holds routes nothing.
 */
class Loops {
  readonly #inbox: { kind: 'hold' | 'commit'; generation: number; table: number }[][];
  readonly #table: number[];
  readonly #isHolding: boolean[];
  #state: BarrierState<number> = BARRIER_IDLE;
  newestRouted = 0;
  committed = 0;

  readonly count: number;

  constructor(count: number) {
    this.count = count;
    this.#inbox = Array.from({ length: count }, () => []);
    this.#table = Array.from({ length: count }, () => 0);
    this.#isHolding = Array.from({ length: count }, () => false);
  }

  apply(event: BarrierEvent<number>): void {
    const { state, effects } = stepBarrier(this.#state, event);
    this.#state = state;
    for (const effect of effects) {
      if (effect.kind === 'late') throw new Error('nobody is late without a timeout');
      const { kind, generation, target: table } = effect;
      if (kind === 'commit') this.committed = table;
      for (const inbox of this.#inbox) inbox.push({ kind, generation, table });
      // Loop 0 decides, and does what it decides at once.
      this.read(0);
    }
  }

  read(loop: number): void {
    for (const message of this.#inbox[loop]?.splice(0) ?? []) {
      this.#isHolding[loop] = message.kind === 'hold';
      if (message.kind === 'commit') this.#table[loop] = message.table;
      else if (loop > 0) this.apply({ kind: 'held', loop, generation: message.generation });
    }
  }

  route(loop: number): void {
    if (this.#isHolding[loop] === true) return;
    const table = this.#table[loop] ?? 0;
    if (table < this.newestRouted) throw new Error(`${table} after ${this.newestRouted}`);
    this.newestRouted = table;
  }

  settle(): void {
    for (let i = 0; i < 3; i++) for (let loop = 0; loop < this.count; loop++) this.read(loop);
    for (let loop = 0; loop < this.count; loop++) this.route(loop);
  }
}

test('by seed: no loop routes by an older table than another did before, and all end at the newest', () => {
  const action = fc.record({
    kind: fc.constantFrom('change', 'read', 'route', 'route'),
    loop: fc.nat({ max: 3 }),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 4 }),
      fc.array(action, { maxLength: 60 }),
      (count, actions) => {
        const loops = new Loops(count);
        const others = Array.from({ length: count - 1 }, (_, i) => i + 1);
        let newest = 0;
        for (const { kind, loop } of actions) {
          if (kind === 'change') loops.apply({ kind, target: ++newest, loops: others });
          else if (kind === 'read') loops.read(loop % count);
          else loops.route(loop % count);
        }
        loops.settle();
        expect(loops.committed).toBe(newest);
        expect(loops.newestRouted).toBe(newest);
      },
    ),
    { numRuns: 2000 },
  );
});
