import type { LoadPart } from './redis-benchmark.ts';

/**
 * What is measured: Redis itself, the proxies before it, and Redis Cluster. `base` is another build of undermoon,
 * `undermoon-2-threads` the same build with two event loops, `undermoon-plain` its port for clients that know no
 * clusters, `undermoon-plain-2-threads` that port with two.
 */
export type TargetName =
  | 'direct'
  | 'undermoon'
  | 'undermoon-2-threads'
  | 'undermoon-plain'
  | 'undermoon-plain-2-threads'
  | 'base'
  | 'nutcracker'
  | 'redis-cluster';

/** Pinned: the proxy on one core, Redis and the load on another. Free: as the kernel likes. */
export type Placement = 'pinned' | 'free';

export type Load =
  /** redis-benchmark, as fast as it goes; several parts run at the same time. */
  | { readonly kind: 'flood'; readonly parts: readonly LoadPart[] }
  /** A fixed number of requests per second, whatever the replies do. */
  | { readonly kind: 'rate'; readonly requestsPerSecond: number; readonly connections: number }
  /** The first requests of a process that has just started. */
  | { readonly kind: 'cold'; readonly part: LoadPart; readonly requests: number }
  /** Connections that made one request each and then do nothing. */
  | { readonly kind: 'idle'; readonly connections: number };

/** One row of the result, for each of its targets and placements. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly load: Load;
  /** Redis servers behind the target. */
  readonly shards: 1 | 2;
  readonly targets: readonly TargetName[];
  readonly placements: readonly Placement[];
  /** Also measured by a quick run. */
  readonly isQuick: boolean;
}

const SIZES = [
  { valueBytes: 64, name: '64', title: '64 B', keyPrefix: 'v64:' },
  { valueBytes: 1024, name: '1k', title: '1 KiB', keyPrefix: 'v1k:' },
] as const;

const SHAPES = [
  { connections: 50, pipeline: 1 },
  { connections: 200, pipeline: 1 },
  { connections: 50, pipeline: 16 },
  { connections: 50, pipeline: 32 },
] as const;

/** Keys that must exist before a run, each prefix with all numbers. */
export const PRELOADED: readonly { readonly keyPrefix: string; readonly valueBytes: number }[] = [
  ...SIZES,
  { keyPrefix: '{m}:', valueBytes: 64 },
];

const RANDOM = '__rand_int__';
const PROXIES = ['undermoon', 'nutcracker'] as const;
const UNCLUSTERED = ['direct', ...PROXIES] as const;
const ALL = [...UNCLUSTERED, 'redis-cluster'] as const;

/** All workloads, in the order of the table. */
export function workloads(): readonly Workload[] {
  return [
    ...SHAPES.flatMap((shape) => SIZES.flatMap((size) => getAndSet(shape, size))),
    ...multiKey(),
    ...twoShards(),
    ...plainPort(),
    ...twoThreads(),
    {
      name: 'rate-40k',
      title: '40,000/s offered, 1 SET to 9 GET, 64 B',
      load: { kind: 'rate', requestsPerSecond: 40_000, connections: 50 },
      shards: 1,
      targets: UNCLUSTERED,
      placements: ['pinned', 'free'],
      isQuick: true,
    },
    {
      name: 'reconnect',
      title: 'connect, GET, close; 50 at a time',
      load: { kind: 'flood', parts: [{ ...get50('v64:'), isKeptAlive: false }] },
      shards: 1,
      targets: UNCLUSTERED,
      placements: ['pinned'],
      isQuick: true,
    },
    {
      name: 'cold-start',
      title: 'the first 60,000 GET of a new process',
      load: { kind: 'cold', part: get50('v64:'), requests: 60_000 },
      shards: 1,
      targets: PROXIES,
      placements: ['pinned'],
      isQuick: true,
    },
    {
      name: 'idle',
      title: `10,000 idle connections`,
      load: { kind: 'idle', connections: 10_000 },
      shards: 1,
      targets: UNCLUSTERED,
      placements: ['pinned'],
      isQuick: true,
    },
  ];
}

/** Those of a name, or else those whose names begin so. Throws when there are none. */
export function named(all: readonly Workload[], names: readonly string[]): readonly Workload[] {
  const chosen = new Set(
    names.flatMap((name) => {
      const exact = all.filter((workload) => workload.name === name);
      const found = exact.length > 0 ? exact : all.filter((one) => one.name.startsWith(name));
      if (found.length > 0) return found;
      throw new Error(`no workload ${name}; there are: ${all.map((one) => one.name).join(', ')}`);
    }),
  );
  return all.filter((workload) => chosen.has(workload));
}

function getAndSet(shape: (typeof SHAPES)[number], size: (typeof SIZES)[number]): Workload[] {
  const { connections, pipeline } = shape;
  const isSmall = size.valueBytes === 64;
  return (['get', 'set'] as const).map((command) => ({
    name: `${command}-${size.name}-c${connections}-p${pipeline}`,
    title: `${command.toUpperCase()} ${size.title}, ${connections} connections, pipeline ${pipeline}`,
    load: {
      kind: 'flood',
      parts: [{ ...shape, words: wordsOf(command, size), isKeptAlive: true }],
    },
    shards: 1,
    targets: ALL,
    placements: isSmall || pipeline === 16 ? ['pinned', 'free'] : ['pinned'],
    isQuick: isSmall || pipeline === 16,
  }));
}

/** Keys have one hash tag, so that clusters take the command. */
function multiKey(): Workload[] {
  const keys = Array.from({ length: 10 }, () => `{m}:${RANDOM}`);
  const pairs = keys.flatMap((key) => [key, valueOf(64)]);
  return [
    { name: 'mget-10', title: 'MGET of 10', words: ['MGET', ...keys] },
    { name: 'mset-10', title: 'MSET of 10', words: ['MSET', ...pairs] },
  ].map(({ name, title, words }) => ({
    name: `${name}-c50-p1`,
    title: `${title} keys of one slot, 64 B, 50 connections, pipeline 1`,
    load: {
      kind: 'flood',
      parts: [{ connections: 50, pipeline: 1, words, isKeptAlive: true }],
    },
    shards: 1,
    targets: ALL,
    placements: ['pinned'],
    isQuick: false,
  }));
}

function twoShards(): Workload[] {
  return [1, 16].map((pipeline) => ({
    name: `mixed-2-shards-c50-p${pipeline}`,
    title: `GET and SET 64 B over two Redis, 50 connections, pipeline ${pipeline}`,
    load: {
      kind: 'flood',
      parts: (['get', 'set'] as const).map((command) => ({
        connections: 25,
        pipeline,
        words: wordsOf(command, SIZES[0]),
        isKeptAlive: true,
      })),
    },
    shards: 2,
    targets: PROXIES,
    placements: ['pinned'],
    isQuick: false,
  }));
}

/** What the port for clients without cluster support costs, and MGET of keys in any slots, which only it takes. */
function plainPort(): Workload[] {
  const shared = { shards: 1, placements: ['pinned'], isQuick: true } as const;
  const mget = ['MGET', ...Array.from({ length: 10 }, () => `${SIZES[0].keyPrefix}${RANDOM}`)];
  return [
    ...[1, 16].map((pipeline): Workload => ({
      ...shared,
      name: `plain-get-64-c50-p${pipeline}`,
      title: `GET 64 B, 50 connections, pipeline ${pipeline}, plain port against cluster port`,
      load: {
        kind: 'flood',
        parts: [{ connections: 50, pipeline, words: wordsOf('get', SIZES[0]), isKeptAlive: true }],
      },
      targets: ['undermoon', 'undermoon-plain', 'nutcracker'],
    })),
    {
      ...shared,
      name: 'plain-mget-10-c50-p1',
      title: 'MGET of 10 keys of any slots, 64 B, 50 connections, pipeline 1',
      load: {
        kind: 'flood',
        parts: [{ connections: 50, pipeline: 1, words: mget, isKeptAlive: true }],
      },
      targets: ['direct', 'undermoon-plain', 'nutcracker'],
    },
  ];
}

/** Not pinned: a second event loop on the core of the first would be no gain. */
function twoThreads(): Workload[] {
  const loadOf = (pipeline: number): Load => ({
    kind: 'flood',
    parts: [{ connections: 50, pipeline, words: wordsOf('get', SIZES[0]), isKeptAlive: true }],
  });
  return [
    ...[1, 16, 32].map((pipeline): Workload => ({
      name: `threads-get-64-c50-p${pipeline}`,
      title: `GET 64 B, 50 connections, pipeline ${pipeline}, two event loops against one`,
      load: loadOf(pipeline),
      shards: 1,
      targets: ['undermoon', 'undermoon-2-threads'],
      placements: ['free'],
      isQuick: true,
    })),
    {
      name: 'threads-plain-get-64-c50-p16',
      title: 'GET 64 B, 50 connections, pipeline 16, plain port, two event loops against one',
      load: loadOf(16),
      shards: 1,
      targets: ['undermoon-plain', 'undermoon-plain-2-threads'],
      placements: ['free'],
      isQuick: false,
    },
  ];
}

function get50(keyPrefix: string): LoadPart {
  const words = ['GET', `${keyPrefix}${RANDOM}`];
  return { connections: 50, pipeline: 1, words, isKeptAlive: true };
}

function wordsOf(command: 'get' | 'set', size: (typeof SIZES)[number]): readonly string[] {
  const key = `${size.keyPrefix}${RANDOM}`;
  return command === 'get' ? ['GET', key] : ['SET', key, valueOf(size.valueBytes)];
}

function valueOf(bytes: number): string {
  return 'v'.repeat(bytes);
}
