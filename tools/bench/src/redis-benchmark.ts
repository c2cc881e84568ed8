/** One run of redis-benchmark. */
export interface LoadPart {
  readonly connections: number;
  readonly pipeline: number;
  /** The command; `__rand_int__` becomes one of KEY_COUNT numbers of twelve digits. */
  readonly words: readonly string[];
  /** False: a connection for each request. */
  readonly isKeptAlive: boolean;
}

/** What one run of redis-benchmark says. */
export interface BenchmarkResult {
  readonly rps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export const KEY_COUNT = 100_000;

/** The arguments of redis-benchmark. */
export function benchmarkArguments(part: LoadPart, port: number, requests: number): string[] {
  const { connections, pipeline, words, isKeptAlive } = part;
  const settings = { h: '127.0.0.1', p: port, c: connections, n: requests, P: pipeline };
  const flags = Object.entries(settings).flatMap(([flag, value]) => [`-${flag}`, `${value}`]);
  if (!isKeptAlive) flags.push('-k', '0');
  return [...flags, '-r', `${KEY_COUNT}`, '--csv', ...words];
}

/** Reads the output of `redis-benchmark --csv`; columns are found by name. Null when it is something else. */
export function parseBenchmarkCsv(text: string): BenchmarkResult | null {
  const lines = text.trim().split('\n');
  const head = fieldsOf(lines[0] ?? '');
  // The command is the first field and may hold commas; the figures are counted from the end.
  const figures = fieldsOf(lines.at(-1) ?? '').slice(-(head.length - 1));
  const figure = (column: string): number => Number(figures[head.indexOf(column) - 1]);
  const result: BenchmarkResult = {
    rps: figure('rps'),
    p50Ms: figure('p50_latency_ms'),
    p99Ms: figure('p99_latency_ms'),
    maxMs: figure('max_latency_ms'),
  };
  return lines.length > 1 && Object.values(result).every(Number.isFinite) ? result : null;
}

/** Runs of the same number of requests that went on at the same time, as one that lasted as long as the slowest. */
export function combineResults(results: readonly BenchmarkResult[]): BenchmarkResult {
  return {
    rps: results.length * Math.min(...results.map(({ rps }) => rps)),
    p50Ms: Math.max(...results.map(({ p50Ms }) => p50Ms)),
    p99Ms: Math.max(...results.map(({ p99Ms }) => p99Ms)),
    maxMs: Math.max(...results.map(({ maxMs }) => maxMs)),
  };
}

function fieldsOf(line: string): string[] {
  return line.split(',').map((field) => field.replaceAll('"', ''));
}
