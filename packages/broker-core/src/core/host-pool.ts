import type { StoredProxy } from '@undermoon/broker-api';
import { compareText } from './model.ts';

/** A host with free proxies. */
export interface FreeHost {
  readonly name: string;
  /** What must not hold both halves of a chunk: the zone, or the host itself. */
  readonly zone: string;
  /** Masters that the cluster has on this host already. */
  readonly masterCount: number;
  /** Heaviest first, then by address. */
  readonly proxies: StoredProxy[];
  /** Free proxies that are left alone, so that masters are even over hosts. */
  unused: number;
}

/** Whether a host is in one of the zones; none in particular means any. */
export function isIn(host: FreeHost, zones: readonly string[]): boolean {
  return zones.length === 0 || zones.includes(host.zone);
}

/**
 * Hosts in the order in which proxies are taken from them: the one with the most left first. The order is kept
 * up while proxies are taken, so that a chunk costs far less than a pass over all hosts.
 */
export class HostPool {
  /** Hosts by the number of proxies left. */
  readonly #buckets: FreeHost[][] = [];
  readonly #zoneCounts = new Map<string, number>();
  #total = 0;
  #stepsWithoutCritical = 0;

  constructor(hosts: readonly FreeHost[]) {
    for (const host of hosts.toSorted(inBucket)) {
      this.#bucket(host.proxies.length).push(host);
      this.#count(host.zone, host.proxies.length);
    }
  }

  /** Hosts with proxies left, those with the most first. */
  *hosts(): Iterable<FreeHost> {
    for (let left = this.#buckets.length - 1; left > 0; left--) yield* this.#bucket(left);
  }

  /** The first host in one of the zones. */
  first(zones: readonly string[]): FreeHost | null {
    for (const host of this.hosts()) {
      if (isIn(host, zones)) return host;
    }
    return null;
  }

  take(host: FreeHost, proxy: StoredProxy): void {
    const bucket = this.#bucket(host.proxies.length);
    bucket.splice(placeIn(bucket, host), 1);
    host.proxies.splice(host.proxies.indexOf(proxy), 1);
    const next = this.#bucket(host.proxies.length);
    next.splice(placeIn(next, host), 0, host);
    this.#count(host.zone, -1);
  }

  /** The zones that the next chunk has to take a proxy from. To be asked once for each chunk. */
  criticalZones(chunksLeft: number): string[] {
    // A zone comes at most one proxy closer to being critical with each chunk.
    if (this.#stepsWithoutCritical > 0) {
      this.#stepsWithoutCritical--;
      return [];
    }
    const threshold = this.#total - chunksLeft;
    const critical: string[] = [];
    let most = 0;
    for (const [zone, count] of this.#zoneCounts) {
      if (count >= threshold) critical.push(zone);
      most = Math.max(most, count);
    }
    if (critical.length === 0) this.#stepsWithoutCritical = threshold - most - 1;
    return critical;
  }

  #bucket(left: number): FreeHost[] {
    while (this.#buckets.length <= left) this.#buckets.push([]);
    return this.#buckets[left] ?? [];
  }

  #count(zone: string, change: number): void {
    this.#zoneCounts.set(zone, (this.#zoneCounts.get(zone) ?? 0) + change);
    this.#total += change;
  }
}

function inBucket(left: FreeHost, right: FreeHost): number {
  return right.unused - left.unused || compareText(left.name, right.name);
}

/** Where the host is in a bucket, or belongs. */
function placeIn(bucket: readonly FreeHost[], host: FreeHost): number {
  let low = 0;
  let high = bucket.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = bucket[middle];
    if (other !== undefined && inBucket(other, host) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
