import type { CommandList } from './command-list.ts';
import type { Batch } from './program.ts';

/** Which commands a run used. */
export interface Coverage {
  /** Requests sent to each side. */
  readonly requests: number;
  readonly supported: number;
  readonly covered: number;
  /** Covered and supported commands by verdict. */
  readonly byVerdict: Readonly<Record<string, { covered: number; supported: number }>>;
  readonly missing: readonly string[];
}

/** Counts what batches use. */
export class CoverageCounter {
  readonly #list: CommandList;
  readonly #used = new Set<string>();
  #requests = 0;

  constructor(list: CommandList) {
    this.#list = list;
  }

  get requests(): number {
    return this.#requests;
  }

  add(batch: Batch): void {
    for (const { steps, names } of batch.units) {
      for (const name of names) this.#used.add(name);
      for (const step of steps) this.#requests += step.requests.length;
    }
  }

  result(): Coverage {
    const byVerdict: Record<string, { covered: number; supported: number }> = {};
    for (const { name, verdict } of this.#list.supported) {
      const counts = (byVerdict[verdict] ??= { covered: 0, supported: 0 });
      counts.supported++;
      if (this.#used.has(name)) counts.covered++;
    }
    const names = this.#list.supported.map(({ name }) => name);
    const missing = names.filter((name) => !this.#used.has(name));
    return {
      requests: this.#requests,
      supported: names.length,
      covered: names.length - missing.length,
      byVerdict,
      missing,
    };
  }
}
