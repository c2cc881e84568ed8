import type { SeededRandom } from '@undermoon/testkit';

/** A change that is asked for once, about a proxy that no other change under way is about. */
export interface Mutation {
  readonly kind: 'add' | 'remove';
  readonly address: string;
}

/** `unknown`: no answer, or one that leaves open whether it was made. */
export type Outcome = 'made' | 'refused' | 'unknown';

/** How many changes had which outcome. */
export interface LedgerCounts {
  readonly made: number;
  readonly refused: number;
  readonly unknown: number;
  /** Of the unknown ones. */
  readonly foundMade: number;
  readonly checks: number;
}

const PRESENT_MIN = 50;
const PRESENT_MAX = 300;

/**
 * What a broker's state has to be. Every change raises the epoch by exactly one, so after all of them are settled
 * the epoch counts them: one that was lost shows as missing, one that was made twice as an epoch too high.
 */
export class Ledger {
  readonly #present = new Set<string>();
  readonly #removed = new Set<string>();
  readonly #openAdds = new Set<string>();
  readonly #openRemoves = new Set<string>();
  readonly #counts = { made: 0, refused: 0, unknown: 0, foundMade: 0, checks: 0 };
  #nextProxy = 0;
  #epoch = 0;

  get counts(): LedgerCounts {
    return { ...this.#counts };
  }

  /** The next change to ask for. */
  next(random: SeededRandom): Mutation {
    const [oldest] = this.#present;
    const size = this.#present.size;
    const isRemoval = size > PRESENT_MAX || (size > PRESENT_MIN && random.chance(0.45));
    if (isRemoval && oldest !== undefined) {
      this.#present.delete(oldest);
      return { kind: 'remove', address: oldest };
    }
    this.#nextProxy += 1;
    return { kind: 'add', address: `10.${this.#nextProxy >> 8}.${this.#nextProxy & 255}.1:6001` };
  }

  settle({ kind, address }: Mutation, outcome: Outcome): void {
    this.#counts[outcome] += 1;
    if (outcome === 'made') this.#made(kind, address);
    else if (outcome === 'unknown') {
      (kind === 'add' ? this.#openAdds : this.#openRemoves).add(address);
    } else if (kind === 'remove') this.#present.add(address);
  }

  /** Compares with a dump that was read when no change was under way. Throws at the first difference. */
  check(dump: unknown): void {
    const { all_proxies: proxies, global_epoch: epoch } = dump as {
      readonly all_proxies: Readonly<Record<string, unknown>>;
      readonly global_epoch: number;
    };
    const found = new Set(Object.keys(proxies));
    for (const address of this.#openAdds) if (found.has(address)) this.#find('add', address);
    for (const address of this.#openRemoves) {
      if (found.has(address)) this.#present.add(address);
      else this.#find('remove', address);
    }
    this.#openAdds.clear();
    this.#openRemoves.clear();
    for (const address of this.#present) {
      if (!found.has(address)) throw new Error(`${address} was added and is lost`);
    }
    for (const address of found) {
      if (this.#present.has(address)) continue;
      const what = this.#removed.has(address)
        ? 'was removed and is back'
        : 'was refused and is there';
      throw new Error(`${address} ${what}`);
    }
    if (epoch < this.#epoch) throw new Error(`the epoch fell from ${this.#epoch} to ${epoch}`);
    const expected = this.#counts.made + this.#counts.foundMade;
    if (epoch !== expected) throw new Error(`${expected} changes were made, the epoch is ${epoch}`);
    this.#epoch = epoch;
    this.#counts.checks += 1;
  }

  #find(kind: Mutation['kind'], address: string): void {
    this.#counts.foundMade += 1;
    this.#made(kind, address);
  }

  #made(kind: Mutation['kind'], address: string): void {
    if (kind === 'add') this.#present.add(address);
    else this.#removed.add(address);
  }
}
