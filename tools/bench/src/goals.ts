import type { Metric } from './samples.ts';
import type { Placement, TargetName } from './workloads.ts';

/** A number that the proxy has to reach. */
export interface Goal {
  readonly workload: string;
  /** Whose figure it is. Default: undermoon's. */
  readonly of?: TargetName;
  /** Default: pinned. */
  readonly placement?: Placement;
  readonly metric: Metric;
  /** What the figure is divided by; null: it is compared as it is. */
  readonly against: TargetName | null;
  readonly bound: 'at most' | 'at least';
  readonly limit: number;
  /** For a machine on which Redis without a proxy does not reach the limit: judged instead. */
  readonly elsewhere?: { readonly against: TargetName; readonly limit: number };
}

const UNPIPELINED: readonly Goal[] = ['get-64-c50', 'set-64-c50', 'get-64-c200', 'set-64-c200']
  .map((shape) => `${shape}-p1`)
  .flatMap((workload): Goal[] => [
    { workload, metric: 'proxyCpuUs', against: 'nutcracker', bound: 'at most', limit: 1.05 },
    { workload, metric: 'rps', against: 'nutcracker', bound: 'at least', limit: 1 },
  ]);

const PIPELINE_16: readonly Goal[] = [
  cpu('get-64-c50-p16', 0.4),
  { ...rps('get-64-c50-p16'), against: 'direct', limit: 0.9 },
  cpu('set-64-c50-p16', 0.65),
  { ...rps('set-64-c50-p16'), against: 'direct', limit: 0.9 },
];

const LARGE_VALUES: readonly Goal[] = [
  cpu('get-1k-c50-p16', 0.75),
  rps('get-1k-c50-p16'),
  cpu('set-1k-c50-p16', 0.75),
  rps('set-1k-c50-p16'),
];

/** A second event loop costs at most a tenth where it cannot help, and helps where requests are pipelined. */
const TWO_THREADS: readonly Goal[] = [
  twoThreads('threads-get-64-c50-p1', 0.9),
  twoThreads('threads-get-64-c50-p16', 1),
  twoThreads('threads-get-64-c50-p32', 1),
];

/** All of them, in the order of the report. */
export const GOALS: readonly Goal[] = [
  ...UNPIPELINED,
  ...PIPELINE_16,
  cpu('get-64-c50-p32', 0.25),
  cpu('set-64-c50-p32', 0.4),
  ...LARGE_VALUES,
  ...TWO_THREADS,
  { workload: 'rate-40k', metric: 'p99Ms', against: 'nutcracker', bound: 'at most', limit: 1.1 },
  { workload: 'idle', metric: 'connectionBytes', against: null, bound: 'at most', limit: 6000 },
  {
    workload: 'reconnect',
    metric: 'rps',
    against: null,
    bound: 'at least',
    limit: 20_000,
    elsewhere: { against: 'nutcracker', limit: 0.72 },
  },
];

function twoThreads(workload: string, limit: number): Goal {
  const of = 'undermoon-2-threads';
  const bound = 'at least';
  return { workload, of, placement: 'free', metric: 'rps', against: 'undermoon', bound, limit };
}

function cpu(workload: string, limit: number): Goal {
  return { workload, metric: 'proxyCpuUs', against: 'nutcracker', bound: 'at most', limit };
}

function rps(workload: string): Goal {
  return { workload, metric: 'rps', against: 'nutcracker', bound: 'at least', limit: 1 };
}
