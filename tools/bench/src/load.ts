import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BenchError } from './errors.ts';
import { findBenchmark } from './find-program.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { startProcess, type MeasuredProcess } from './measured-process.ts';
import type { RateJob, RateMessage } from './rate-job.ts';
import {
  benchmarkArguments,
  combineResults,
  parseBenchmarkCsv,
  type BenchmarkResult,
  type LoadPart,
} from './redis-benchmark.ts';

/** Where the load goes and the cores it is made on. */
export interface LoadAim {
  readonly port: number;
  readonly cores: string;
}

/** Runs redis-benchmark, once for each part at the same time; every part makes its share of the requests. */
export async function flood(
  parts: readonly LoadPart[],
  requests: number,
  aim: LoadAim,
): Promise<BenchmarkResult> {
  const share = Math.ceil(requests / parts.length);
  return combineResults(await Promise.all(parts.map((part) => runBenchmark(part, share, aim))));
}

/** What a run at a fixed rate found. */
export interface RateResult {
  readonly latencies: LatencyHistogram;
  /** The share of the requests that the generator sent late. */
  readonly lateShare: number;
}

/** Offers a fixed rate. `onMeasuring` is called with the process that does so once the warm-up is over. */
export async function offerRate(
  job: RateJob,
  cores: string,
  onMeasuring: (generatorPid: number) => void,
): Promise<RateResult> {
  const worker = startWorker('rate-worker.ts', [JSON.stringify(job)], cores);
  const lines = createInterface({ input: worker.child.stdout ?? process.stdin });
  const histogram = new LatencyHistogram();
  let errors = 0;
  let lateCount = 0;
  for await (const line of lines) {
    const message = JSON.parse(line) as RateMessage;
    if (message.kind === 'measuring') onMeasuring(worker.pid);
    else {
      histogram.add(message.histogram);
      errors += message.errors;
      lateCount += message.lateCount;
    }
  }
  await worker.stop();
  if (histogram.count === 0 || errors > 0) {
    throw new BenchError('LOAD_FAILED', `${errors} error replies; ${worker.output}`);
  }
  return { latencies: histogram, lateShare: lateCount / histogram.count };
}

/** Opens connections that make one request each. They stay until `stop`. */
export async function holdIdle(count: number, aim: LoadAim): Promise<MeasuredProcess> {
  const worker = startWorker('idle-worker.ts', [`${aim.port}`, `${count}`], aim.cores);
  const opened = once(worker.child.stdout ?? process.stdin, 'data');
  const ended = once(worker.child, 'exit').then(() => {
    throw new BenchError('LOAD_FAILED', `could not hold ${count} connections: ${worker.output}`);
  });
  ended.catch(() => undefined);
  await Promise.race([opened, ended]);
  return worker;
}

async function runBenchmark(
  part: LoadPart,
  requests: number,
  { port, cores }: LoadAim,
): Promise<BenchmarkResult> {
  const args = benchmarkArguments(part, port, requests);
  const { child } = startProcess({ command: findBenchmark(), args, cores });
  let csv = '';
  let complaints = '';
  child.stdout?.on('data', (text: string) => (csv += text));
  child.stderr?.on('data', (text: string) => (complaints += text));
  await once(child, 'close');
  const result = child.exitCode === 0 ? parseBenchmarkCsv(csv) : null;
  if (result === null) {
    throw new BenchError('LOAD_FAILED', `redis-benchmark: ${complaints}${csv}`);
  }
  return result;
}

function startWorker(file: string, args: readonly string[], cores: string): MeasuredProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return startProcess({
    command: process.execPath,
    args: ['--conditions=@undermoon/source', '--import', 'tsx', path, ...args],
    cores,
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  });
}
