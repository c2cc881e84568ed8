import type { BuiltModules } from './built-modules.ts';
import { placeOf, type Category } from './classify.ts';
import type { StackSample } from './perf-script.ts';

/** How much of the time went to one part. */
export interface Share {
  readonly category: Category;
  /** Null: the whole category. */
  readonly part: string | null;
  /** Of all samples, from 0 to 1. */
  readonly share: number;
}

/** Adds samples up by where they count. */
export class ShareCounter {
  readonly #modules: BuiltModules;
  readonly #weights = new Map<Category, Map<string, number>>();
  #total = 0;

  constructor(modules: BuiltModules) {
    this.#modules = modules;
  }

  add(sample: StackSample): void {
    const { category, part } = placeOf(sample, this.#modules);
    const parts = this.#weights.get(category) ?? new Map<string, number>();
    this.#weights.set(category, parts);
    parts.set(part, (parts.get(part) ?? 0) + sample.weight);
    this.#total += sample.weight;
  }

  /** Categories with the largest first, each followed by its parts that are worth a line. */
  shares(leastShare: number): readonly Share[] {
    return [...this.#weights]
      .map(([category, parts]) => ({ category, parts, weight: sum([...parts.values()]) }))
      .toSorted((left, right) => right.weight - left.weight)
      .flatMap(({ category, parts, weight }): Share[] => {
        const own = { category, part: null, share: weight / this.#total };
        const shown = [...parts]
          .map(([part, partWeight]) => ({ category, part, share: partWeight / this.#total }))
          .filter(({ share }) => share >= leastShare)
          .toSorted((left, right) => right.share - left.share);
        return [own, ...(parts.size > 1 ? shown : [])];
      });
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
