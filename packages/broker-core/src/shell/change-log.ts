import { randomBytes } from 'node:crypto';
import type { WatchChanges, WatchCursor } from '@undermoon/broker-api';
import type { Epoch } from '@undermoon/cluster-meta';
import { changesBetween, isEpochBlind, type StoreChanges } from '../core/changes.ts';
import type { StoreState } from '../core/model.ts';

export interface ChangeLogLimits {
  /** Changes remembered. */
  readonly historyMax: number;
  /** Names in one answer; with more of them, reading everything is cheaper. */
  readonly namesMax: number;
}

/**
 * The latest changes of the state, by epoch. Its stream has a random name: a cursor of another broker, or
 * of this one before it restarted, is told apart even if its epoch fits.
 */
export class ChangeLog {
  readonly #limits: ChangeLogLimits;
  #stream = newStream();
  #epoch: Epoch;
  /** Every change above this epoch is in `#entries`, in order. */
  #baseEpoch: Epoch;
  #entries: StoreChanges[] = [];

  constructor(epoch: Epoch, limits: ChangeLogLimits) {
    this.#epoch = epoch;
    this.#baseEpoch = epoch;
    this.#limits = limits;
  }

  /** Takes note of a step. Returns false when watchers have nothing to learn from it. */
  add(before: StoreState, after: StoreState): boolean {
    if (isEpochBlind(before, after)) {
      this.#restart(after.globalEpoch);
      return true;
    }
    if (after.globalEpoch === before.globalEpoch) return false;
    const changes = changesBetween(before, after);
    this.#epoch = changes.epoch;
    if (countNames(changes) > this.#limits.namesMax) {
      this.#restart(changes.epoch);
      return true;
    }
    this.#entries.push(changes);
    // Cut in halves, so that a step costs no copy of the whole.
    if (this.#entries.length > this.#limits.historyMax) {
      const dropped = this.#entries.splice(0, Math.ceil(this.#limits.historyMax / 2));
      this.#baseEpoch = dropped.at(-1)?.epoch ?? this.#baseEpoch;
    }
    return true;
  }

  /** What changed since then. Null: nothing. */
  since(cursor: WatchCursor | null): WatchChanges | null {
    if (cursor === null || !this.#covers(cursor)) return this.#answer(null);
    if (cursor.epoch === this.#epoch) return null;
    const later = this.#entries.filter(({ epoch }) => epoch > cursor.epoch);
    const merged = mergeChanges(later, this.#epoch);
    return this.#answer(countNames(merged) > this.#limits.namesMax ? null : merged);
  }

  /** An answer without changes. */
  nothing(): WatchChanges {
    return this.#answer(mergeChanges([], this.#epoch));
  }

  #covers({ epoch, stream }: WatchCursor): boolean {
    if (stream !== null && stream !== this.#stream) return false;
    return epoch >= this.#baseEpoch && epoch <= this.#epoch;
  }

  #answer(changes: StoreChanges | null): WatchChanges {
    const { epoch, ...names } = changes ?? mergeChanges([], this.#epoch);
    return { stream: this.#stream, epoch, isResync: changes === null, ...names };
  }

  #restart(epoch: Epoch): void {
    this.#stream = newStream();
    this.#epoch = epoch;
    this.#baseEpoch = epoch;
    this.#entries = [];
  }
}

function newStream(): string {
  return randomBytes(9).toString('base64url');
}

// What was removed and made again counts as changed, what was changed and then removed as removed.
function mergeChanges(entries: readonly StoreChanges[], epoch: Epoch): StoreChanges {
  const clusters = mergeNames(entries.map((entry) => [entry.clusters, entry.removedClusters]));
  const proxies = mergeNames(entries.map((entry) => [entry.proxies, entry.removedProxies]));
  return {
    epoch,
    clusters: clusters.changed,
    removedClusters: clusters.removed,
    proxies: proxies.changed,
    removedProxies: proxies.removed,
  };
}

function mergeNames<K extends string>(
  steps: readonly (readonly [changed: readonly K[], removed: readonly K[]])[],
): { readonly changed: K[]; readonly removed: K[] } {
  const isThere = new Map<K, boolean>();
  for (const [changed, removed] of steps) {
    for (const name of changed) isThere.set(name, true);
    for (const name of removed) isThere.set(name, false);
  }
  const names = [...isThere.keys()].toSorted();
  return {
    changed: names.filter((name) => isThere.get(name) === true),
    removed: names.filter((name) => isThere.get(name) === false),
  };
}

function countNames(changes: StoreChanges): number {
  const { clusters, removedClusters, proxies, removedProxies } = changes;
  return clusters.length + removedClusters.length + proxies.length + removedProxies.length;
}
