import type { SizeFigures } from './measure-size.ts';
import type { Timing } from './timing.ts';

/** What a run measured. */
export interface BrokerFigures {
  readonly sizes: readonly SizeFigures[];
  /** Null: not measured. */
  readonly push: Timing | null;
}
