import type { Step } from '@undermoon/runtime';

/**
 * Decides when several event loops go over to another routing table, so that no command is routed by the
 * old one after another was routed by the new one.
 *
 * | phase   | event                    | next    | effects                                        |
 * |---------|--------------------------|---------|------------------------------------------------|
 * | idle    | change                   | holding | hold; without other loops: idle, commit        |
 * | holding | change                   | holding | hold more, for the newer target; ask all again |
 * | holding | held, by the last loop   | idle    | commit                                         |
 * | holding | held, by another or old  | holding | -                                              |
 * | holding | timeout                  | idle    | report the late loops, commit                  |
 * | idle    | held, timeout            | idle    | -                                              |
 *
 * A newer target replaces the one that waits, so nothing queues up; the time limit runs from the first hold.
 */
export interface BarrierState<Target> {
  /** Number of the last hold. Acknowledgements of earlier ones do not count. */
  readonly generation: number;
  /** What the loops go over to; null while nothing is held. */
  readonly target: Target | null;
  /** Loops that may still route by the old table. */
  readonly awaited: ReadonlySet<number>;
}

export type BarrierEvent<Target> =
  /** `loops` are those that must hold, besides the one that decides. */
  | { readonly kind: 'change'; readonly target: Target; readonly loops: readonly number[] }
  | { readonly kind: 'held'; readonly loop: number; readonly generation: number }
  | { readonly kind: 'timeout' };

export type BarrierEffect<Target> =
  | { readonly kind: 'hold'; readonly generation: number; readonly target: Target }
  | { readonly kind: 'commit'; readonly generation: number; readonly target: Target }
  | { readonly kind: 'late'; readonly loops: readonly number[] };

/** Nothing is held. */
export const BARRIER_IDLE: BarrierState<never> = {
  generation: 0,
  target: null,
  awaited: new Set(),
};

/** Takes one event. */
export function stepBarrier<Target>(
  state: BarrierState<Target>,
  event: BarrierEvent<Target>,
): Step<BarrierState<Target>, BarrierEffect<Target>> {
  switch (event.kind) {
    case 'change': {
      const { target } = event;
      const generation = state.generation + 1;
      const next = { generation, target, awaited: new Set(event.loops) };
      if (next.awaited.size === 0) return commit(next, target, []);
      return { state: next, effects: [{ kind: 'hold', generation, target }] };
    }
    case 'held': {
      const { target, generation } = state;
      if (target === null || event.generation !== generation) return { state, effects: [] };
      const awaited = new Set([...state.awaited].filter((loop) => loop !== event.loop));
      if (awaited.size === 0) return commit(state, target, []);
      return { state: { ...state, awaited }, effects: [] };
    }
    case 'timeout': {
      const { target } = state;
      if (target === null) return { state, effects: [] };
      return commit(state, target, [{ kind: 'late', loops: [...state.awaited] }]);
    }
  }
}

function commit<Target>(
  { generation }: BarrierState<Target>,
  target: Target,
  before: readonly BarrierEffect<Target>[],
): Step<BarrierState<Target>, BarrierEffect<Target>> {
  return {
    state: { generation, target: null, awaited: new Set() },
    effects: [...before, { kind: 'commit', generation, target }],
  };
}
