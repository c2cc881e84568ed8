import { expect, it } from 'vitest';
import { benchmarkArguments, combineResults, parseBenchmarkCsv } from './redis-benchmark.ts';

const HEAD =
  '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"\n';

it('builds the command line', () => {
  const part = { connections: 50, pipeline: 16, words: ['GET', 'k'], isKeptAlive: true };
  expect(benchmarkArguments(part, 7000, 1000).join(' ')).toBe(
    '-h 127.0.0.1 -p 7000 -c 50 -n 1000 -P 16 -r 100000 --csv GET k',
  );
  expect(benchmarkArguments({ ...part, isKeptAlive: false }, 7000, 1)).toContain('-k');
});

it('reads the figures, with commas in the command too', () => {
  const line = '"SET a,b x","29761.90","0.442","0.120","0.415","0.671","1.143","3.711"\n';
  expect(parseBenchmarkCsv(HEAD + line)).toEqual({
    rps: 29_761.9,
    p50Ms: 0.415,
    p99Ms: 1.143,
    maxMs: 3.711,
  });
});

it('takes nothing else for a result', () => {
  expect(parseBenchmarkCsv('')).toBeNull();
  expect(parseBenchmarkCsv(HEAD)).toBeNull();
  expect(parseBenchmarkCsv('Error from server: ERR unknown\n')).toBeNull();
  expect(parseBenchmarkCsv(`${HEAD}"GET","fast"\n`)).toBeNull();
});

it('joins runs that went on at once: all requests in the time of the slowest', () => {
  const fast = { rps: 3000, p50Ms: 1, p99Ms: 2, maxMs: 9 };
  const slow = { rps: 2000, p50Ms: 2, p99Ms: 4, maxMs: 5 };
  expect(combineResults([fast, slow])).toEqual({ rps: 4000, p50Ms: 2, p99Ms: 4, maxMs: 9 });
});
