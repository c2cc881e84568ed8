// A map of thousands of entries in buckets, so that a copy with a few changes shares all buckets but theirs, and
// two maps are compared bucket by bucket. The order of entries is by bucket: nothing may depend on it.

const BUCKET_COUNT = 256;
// Below this a plain copy is as fast.
const SPLIT_SIZE_MIN = 512;

/** A copy with these entries set, or removed where the value is null. */
export function withKeys<K extends string, V>(
  map: ReadonlyMap<K, V>,
  entries: Iterable<readonly [K, V | null]>,
): ReadonlyMap<K, V> {
  if (isSplit(map)) return map.with(entries);
  if (map.size >= SPLIT_SIZE_MIN) return SplitMap.of(map).with(entries);
  const copy = new Map(map);
  for (const [key, value] of entries) setOrDelete(copy, key, value);
  return copy;
}

/** Pairs of parts in which the two maps may differ; each key is in the same pair for both. */
export function differingParts<K extends string, V, W>(
  before: ReadonlyMap<K, V>,
  after: ReadonlyMap<K, W>,
): readonly (readonly [before: ReadonlyMap<K, V>, after: ReadonlyMap<K, W>])[] {
  if (isSplit(before) && isSplit(after)) return before.partsUnlike(after);
  return [[before, after]];
}

function isSplit<K extends string, V>(map: ReadonlyMap<K, V>): map is SplitMap<K, V> {
  return map instanceof SplitMap;
}

class SplitMap<K extends string, V> implements ReadonlyMap<K, V> {
  readonly size: number;
  readonly #buckets: readonly ReadonlyMap<K, V>[];

  static of<K extends string, V>(map: ReadonlyMap<K, V>): SplitMap<K, V> {
    const buckets = Array.from({ length: BUCKET_COUNT }, () => new Map<K, V>());
    for (const [key, value] of map) buckets[bucketOf(key)]?.set(key, value);
    return new SplitMap(buckets, map.size);
  }

  private constructor(buckets: readonly ReadonlyMap<K, V>[], size: number) {
    this.#buckets = buckets;
    this.size = size;
  }

  get(key: K): V | undefined {
    return this.#buckets[bucketOf(key)]?.get(key);
  }

  has(key: K): boolean {
    return this.#buckets[bucketOf(key)]?.has(key) ?? false;
  }

  with(entries: Iterable<readonly [K, V | null]>): SplitMap<K, V> {
    const buckets = [...this.#buckets];
    const copied = new Map<number, Map<K, V>>();
    let { size } = this;
    for (const [key, value] of entries) {
      const index = bucketOf(key);
      const bucket = copied.get(index) ?? new Map(buckets[index]);
      size -= bucket.size;
      setOrDelete(bucket, key, value);
      size += bucket.size;
      copied.set(index, bucket);
      buckets[index] = bucket;
    }
    return new SplitMap(buckets, size);
  }

  partsUnlike<W>(other: SplitMap<K, W>): (readonly [ReadonlyMap<K, V>, ReadonlyMap<K, W>])[] {
    const parts: (readonly [ReadonlyMap<K, V>, ReadonlyMap<K, W>])[] = [];
    for (const [index, bucket] of this.#buckets.entries()) {
      const theirs = other.#buckets[index];
      const shared: ReadonlyMap<K, unknown> = bucket;
      if (theirs !== undefined && shared !== theirs) parts.push([bucket, theirs]);
    }
    return parts;
  }

  *entries(): Generator<[K, V], undefined, unknown> {
    for (const bucket of this.#buckets) for (const entry of bucket) yield entry;
  }

  *keys(): Generator<K, undefined, unknown> {
    for (const bucket of this.#buckets) for (const key of bucket.keys()) yield key;
  }

  *values(): Generator<V, undefined, unknown> {
    // Not `yield*`: that asks two generators for each value.
    for (const bucket of this.#buckets) for (const value of bucket.values()) yield value;
  }

  [Symbol.iterator](): Generator<[K, V], undefined, unknown> {
    return this.entries();
  }

  forEach(visit: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this) visit(value, key, this);
  }
}

function setOrDelete<K, V>(map: Map<K, V>, key: K, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

function bucketOf(key: string): number {
  let hash = 0;
  for (let index = 0; index < key.length; index++) {
    hash = (Math.imul(hash, 31) + key.charCodeAt(index)) | 0;
  }
  // The last digits of addresses differ the most, and would fill some buckets only.
  return ((hash ^ (hash >>> 15)) >>> 0) % BUCKET_COUNT;
}
