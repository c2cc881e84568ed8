/** Something small to measure. `pnpm bench micro` runs what bench files export as \`cases\`. */
export interface MicroCase {
  readonly name: string;
  /** Of one call of \`run\`. */
  readonly operations: number;
  readonly run: () => unknown;
}
