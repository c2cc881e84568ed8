import type { StoreState } from './model.ts';

/** How often two hosts share a chunk: the failover load they would put on each other. */
export class LinkTable {
  readonly #counts = new Map<string, Map<string, number>>();

  static of(state: StoreState): LinkTable {
    const table = new LinkTable();
    for (const cluster of state.clusters.values()) {
      for (const { hosts } of cluster.chunks) table.add(hosts[0], hosts[1]);
    }
    return table;
  }

  get(left: string, right: string): number {
    return this.#counts.get(left)?.get(right) ?? 0;
  }

  add(left: string, right: string): void {
    this.#count(left, right);
    if (left !== right) this.#count(right, left);
  }

  #count(from: string, to: string): void {
    const row = this.#counts.get(from) ?? new Map<string, number>();
    this.#counts.set(from, row);
    row.set(to, (row.get(to) ?? 0) + 1);
  }
}

/** The links of one host alone. */
export function linksOf(state: StoreState, host: string): ReadonlyMap<string, number> {
  const links = new Map<string, number>();
  for (const cluster of state.clusters.values()) {
    for (const { hosts } of cluster.chunks) {
      const [first, second] = hosts;
      if (first !== host && second !== host) continue;
      const other = first === host ? second : first;
      links.set(other, (links.get(other) ?? 0) + 1);
    }
  }
  return links;
}
