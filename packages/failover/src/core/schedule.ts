// When things happen again: jitter, back-off, and rounds of one job per proxy under a concurrency cap.
// A round has no barrier: each proxy has its own next time, so a slow one delays nobody else.

const GOLDEN_RATIO = 0.618_033_988_749_895;

/** The `index`-th of a series of evenly spread numbers in [0, 1) that starts at `draw`. */
export function spread(draw: number, index: number): number {
  return (draw + index * GOLDEN_RATIO) % 1;
}

/** `periodMs` up to a tenth longer or shorter, so that coordinators do not run in step. */
export function jittered(periodMs: number, draw: number): number {
  return periodMs * (0.9 + 0.2 * draw);
}

/** The pause after `attempts` failures in a row: doubled each time, at most `maxMs`, then jittered. */
export function backoffMs(
  attempts: number,
  limits: { readonly minMs: number; readonly maxMs: number },
  draw: number,
): number {
  const doublings = Math.min(Math.max(attempts - 1, 0), 30);
  return Math.round(jittered(Math.min(limits.minMs * 2 ** doublings, limits.maxMs), draw));
}

/** One repeated job of one proxy. */
export interface Job {
  /** Effect that runs, or null. */
  readonly runningId: number | null;
  readonly startedAt: number;
  readonly nextAt: number;
}

/** A job that is due at once. */
export function newJob(at: number): Job {
  return { runningId: null, startedAt: at, nextAt: at };
}

/** Keys whose job is due, at most as many as the cap leaves room for; the longest due ones first. */
export function dueJobs<K>(
  jobs: ReadonlyMap<K, Job>,
  at: number,
  cap: number,
  isEligible: (key: K) => boolean,
): K[] {
  let running = 0;
  const due: { key: K; nextAt: number }[] = [];
  for (const [key, job] of jobs) {
    if (job.runningId !== null) running += 1;
    else if (job.nextAt <= at && isEligible(key)) due.push({ key, nextAt: job.nextAt });
  }
  due.sort((a, b) => a.nextAt - b.nextAt);
  return due.slice(0, Math.max(cap - running, 0)).map((entry) => entry.key);
}

/** A map with some entries replaced; the original when nothing changes. */
export function withEntries<K, V>(
  map: ReadonlyMap<K, V>,
  entries: readonly (readonly [K, V])[],
): ReadonlyMap<K, V> {
  if (entries.length === 0) return map;
  const copy = new Map(map);
  for (const [key, value] of entries) copy.set(key, value);
  return copy;
}

/** A map reduced to the wanted keys, with a fresh value for each new one, and the keys that went. */
export function retarget<K, V>(
  map: ReadonlyMap<K, V>,
  wanted: ReadonlySet<K>,
  create: (key: K, index: number) => V,
): { readonly map: ReadonlyMap<K, V>; readonly gone: readonly K[] } {
  const gone = [...map.keys()].filter((key) => !wanted.has(key));
  const isSame = gone.length === 0 && wanted.size === map.size;
  if (isSame) return { map, gone };
  const next = new Map<K, V>();
  let index = 0;
  for (const key of wanted) {
    next.set(key, map.get(key) ?? create(key, index));
    index += 1;
  }
  return { map: next, gone };
}
