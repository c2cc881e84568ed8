import type { Machine } from './machine.ts';
import type { Ratio } from './report.ts';
import type { RowSummary } from './samples.ts';
import type { Verdict } from './verdicts.ts';
import type { Versions } from './versions.ts';

/** Everything about one run of `bench proxy`, as --json prints it. */
export interface ProxyReport {
  readonly date: string;
  readonly machine: Machine;
  readonly versions: Versions;
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly rows: readonly RowSummary[];
  readonly ratios: readonly Ratio[];
  readonly verdicts: readonly Verdict[];
}
