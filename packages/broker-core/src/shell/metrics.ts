import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { countMigrations, countProxies } from '../core/counts.ts';
import type { StoreState } from '../core/model.ts';
import type { Mutation } from './mutation.ts';

/** Where the numbers come from that are looked up when they are asked for. */
export interface MetricSources {
  readonly state: () => StoreState;
  readonly queueLength: () => number;
  readonly watcherCount: () => number;
  readonly connectionCount: () => Promise<number>;
  readonly isWriter: () => boolean;
}

const PREFIX = 'undermoon_broker_';
const REQUEST_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30];
const SAVE_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2, 10];
const DELAY_RESOLUTION_MS = 20;
const NANOSECONDS = 1e9;

/** The metrics of one broker, in a registry of its own, in the text format of Prometheus. */
export class BrokerMetrics {
  readonly #registry = new Registry();
  readonly #requests: Histogram<'method' | 'route' | 'code'>;
  readonly #saves: Histogram<'outcome'>;
  readonly #mutations: Counter<'command' | 'outcome'>;
  readonly #delay: IntervalHistogram;

  constructor(sources: MetricSources) {
    const registers = [this.#registry];
    this.#requests = new Histogram({
      name: `${PREFIX}http_request_duration_seconds`,
      help: 'From the arrival of a request to the end of its answer; for /watch this includes the wait.',
      labelNames: ['method', 'route', 'code'],
      buckets: REQUEST_BUCKETS,
      registers,
    });
    this.#saves = new Histogram({
      name: `${PREFIX}save_duration_seconds`,
      help: 'Time that the storage took to keep a change.',
      labelNames: ['outcome'],
      buckets: SAVE_BUCKETS,
      registers,
    });
    this.#mutations = new Counter({
      name: `${PREFIX}mutations_total`,
      help: 'Mutations by command and outcome (ok or an error code).',
      labelNames: ['command', 'outcome'],
      registers,
    });
    this.#delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
    this.#addStoreGauges(sources);
    this.#addProcessGauges();
  }

  /** Begins to watch the event loop. */
  start(): void {
    this.#delay.enable();
  }

  stop(): void {
    this.#delay.disable();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  observeRequest(labels: { method: string; route: string; code: number }, seconds: number): void {
    this.#requests.observe(labels, seconds);
  }

  observeMutation({ command, outcome }: Mutation): void {
    this.#mutations.inc({ command: command.kind, outcome });
  }

  /** Carries out a save and times it. */
  async timeSave(save: () => Promise<void>): Promise<void> {
    const end = this.#saves.startTimer();
    let outcome = 'failed';
    try {
      await save();
      outcome = 'ok';
    } finally {
      end({ outcome });
    }
  }

  #addStoreGauges(sources: MetricSources): void {
    const { state } = sources;
    this.#gauge('epoch', 'Global epoch.', () => state().globalEpoch);
    this.#gauge('clusters', 'Clusters.', () => state().clusters.size);
    this.#gauge('migrations', 'Migrations planned or running.', () => countMigrations(state()));
    this.#gauge('failures', 'Proxies with a failure report.', () => state().failures.size);
    this.#gauge('queue_length', 'Mutations that wait.', sources.queueLength);
    this.#gauge('watchers', 'Requests that watch for changes.', sources.watcherCount);
    this.#gauge('leads', 'Whether this broker makes the changes: 1 or 0.', () =>
      Number(sources.isWriter()),
    );
    this.#gauge('connections', 'Open connections.', sources.connectionCount);
    const proxies = new Gauge({
      name: `${PREFIX}proxies`,
      help: 'Proxies by what they are: member of a cluster, free, or marked as failed.',
      labelNames: ['state'],
      registers: [this.#registry],
      collect: () => {
        const counts = countProxies(state());
        proxies.set({ state: 'member' }, counts.member);
        proxies.set({ state: 'free' }, counts.free);
        proxies.set({ state: 'failed' }, counts.failed);
      },
    });
  }

  // The names are those that Prometheus clients use for processes.
  #addProcessGauges(): void {
    const registers = [this.#registry];
    let countedCpu = 0;
    const cpu = new Counter({
      name: 'process_cpu_seconds_total',
      help: 'CPU time of the process.',
      registers,
      collect: () => {
        const { user, system } = process.cpuUsage();
        const seconds = (user + system) / 1e6;
        cpu.inc(Math.max(0, seconds - countedCpu));
        countedCpu = seconds;
      },
    });
    const add = (name: string, help: string, read: () => number): void => {
      const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(read()) });
    };
    const startedAt = Math.round(Date.now() / 1000 - process.uptime());
    add('process_start_time_seconds', 'Start of the process, Unix time.', () => startedAt);
    add('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
    add('nodejs_heap_used_bytes', 'Used heap.', () => process.memoryUsage().heapUsed);
    add('nodejs_eventloop_delay_p99_seconds', 'Delay of the event loop since the start.', () => {
      // Before the first sample there is no number.
      const { count } = this.#delay;
      return count === 0 ? 0 : this.#delay.percentile(99) / NANOSECONDS;
    });
  }

  #gauge(name: string, help: string, read: () => number | Promise<number>): void {
    const gauge: Gauge = new Gauge({
      name: `${PREFIX}${name}`,
      help,
      registers: [this.#registry],
      collect: async () => gauge.set(await read()),
    });
  }
}
