import { step } from '../src/core/coordinator.ts';
import type { CoordinatorEffect } from '../src/core/effect.ts';
import type { CoordinatorInput } from '../src/core/event.ts';
import type { CoordinatorNotice } from '../src/core/notice.ts';
import type { CoordinatorSettings } from '../src/core/settings.ts';
import { DEFAULT_SETTINGS } from '../src/core/settings.ts';
import { newCoordinatorState } from '../src/core/state.ts';
import type { CoordinatorState } from '../src/core/state.ts';

type EffectOf<K extends CoordinatorEffect['kind']> = Extract<CoordinatorEffect, { kind: K }>;
type NoticeOf<K extends CoordinatorNotice['kind']> = Extract<CoordinatorNotice, { kind: K }>;

const TICK_MS = 50;

/** Runs the reducer by hand in virtual time: events in, the effects since the last look out. */
export class Story {
  state: CoordinatorState;
  now = 0;
  readonly effects: CoordinatorEffect[] = [];

  constructor(settings: Partial<CoordinatorSettings> = {}) {
    this.state = newCoordinatorState({ ...DEFAULT_SETTINGS, ...settings });
  }

  event(input: CoordinatorInput): this {
    const { state, effects } = step(this.state, { ...input, at: this.now, draw: 0.5 });
    this.state = state;
    this.effects.push(...effects);
    return this;
  }

  /** Lets time pass, tick by tick; `each` sees the effects of each tick as they come. */
  pass(ms: number, each: (story: Story) => void = () => undefined): this {
    const end = this.now + ms;
    while (this.now < end) {
      this.now += TICK_MS;
      this.event({ kind: 'tick' });
      each(this);
    }
    return this;
  }

  /** Takes the effects of one kind out of the list. */
  take<K extends CoordinatorEffect['kind']>(kind: K): EffectOf<K>[] {
    const taken = this.effects.filter((effect): effect is EffectOf<K> => effect.kind === kind);
    const rest = this.effects.filter((effect) => effect.kind !== kind);
    this.effects.length = 0;
    this.effects.push(...rest);
    return taken;
  }

  /** The one effect of a kind that is expected now. */
  one<K extends CoordinatorEffect['kind']>(kind: K): EffectOf<K> {
    const taken = this.take(kind);
    if (taken.length !== 1) throw new Error(`expected one ${kind}, got ${taken.length}`);
    return taken[0]!;
  }

  /** Takes the notices of one kind out of the list. */
  notices<K extends CoordinatorNotice['kind']>(kind: K): NoticeOf<K>[] {
    const found: NoticeOf<K>[] = [];
    const rest = this.effects.filter((effect) => {
      if (effect.kind !== 'notice' || effect.notice.kind !== kind) return true;
      found.push(effect.notice as NoticeOf<K>);
      return false;
    });
    this.effects.length = 0;
    this.effects.push(...rest);
    return found;
  }
}
