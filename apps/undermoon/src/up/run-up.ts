import { createBrokerClient, type BrokerClient } from '@undermoon/broker-api/client';

import { CommandError } from '../errors.ts';
import { Inspector } from '../sight/inspector.ts';
import { specFactory } from './child-specs.ts';
import type { Child } from './child.ts';
import { findEngine, type Engine, type EngineSearch } from './engine.ts';
import type { UpEvent } from './events.ts';
import { checkFreePorts } from './free-ports.ts';
import { launch } from './launch.ts';
import type { ClusterPlan } from './plan.ts';
import { brokerUrlOf, readyInfoOf } from './ready-info.ts';
import type { Reporter } from './reporter.ts';
import { claimRunFolder, type RunFolder } from './run-folder.ts';
import { takeStopSignals, type StopSignals } from './stop-signals.ts';
import { Supervisor } from './supervisor.ts';
import { watchCluster } from './watcher.ts';

/** Everything that `undermoon up` was asked for. */
export interface UpRequest {
  readonly plan: ClusterPlan;
  readonly engine: EngineSearch;
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const START_LIMIT_MS = 60_000;
// Longer than one look, shorter than a person's patience.
const BROKER_TIMEOUT_MS = 2000;

/** Starts the cluster and keeps it until a signal. Returns the exit code; a failed start throws, with nothing left running. */
export async function runUp(request: UpRequest, reporter: Reporter): Promise<number> {
  const startedAt = Date.now();
  const signals = takeStopSignals();
  try {
    const engine = await findEngine(request.engine);
    const folder = await claimRunFolder({ directory: request.directory, note: reporter.note });
    await checkFreePorts(request.plan.ports);
    folder.begin({ broker: brokerUrlOf(request.plan), cluster: request.plan.cluster });
    await superviseRun({ request, reporter, signals, engine, folder, startedAt });
    return 0;
  } finally {
    reporter.close();
    signals.ignore();
  }
}

interface Run {
  readonly request: UpRequest;
  readonly reporter: Reporter;
  readonly signals: StopSignals;
  readonly engine: Engine;
  readonly folder: RunFolder;
  readonly startedAt: number;
}

async function superviseRun(run: Run): Promise<void> {
  const { reporter, signals, folder } = run;
  const { plan } = run.request;
  const broker = createBrokerClient({
    brokers: [plan.broker.address],
    timeoutMs: BROKER_TIMEOUT_MS,
  });
  const inspector = new Inspector(broker);
  let isReady = false;
  const supervisor: Supervisor = new Supervisor(folder, (child) => {
    if (isReady) reporter.event(exitEvent(child, supervisor.children, plan));
  });
  const killAll = (): void => supervisor.killAll();
  signals.onFurther(killAll);
  // The last resort, for a fault of this program: by then nothing can be waited for.
  process.once('exit', killAll);
  const over = new AbortController();
  const signal = AbortSignal.any([signals.abort, over.signal]);
  try {
    await Promise.race([
      keepRunning(run, { supervisor, broker, inspector, signal }, () => {
        isReady = true;
      }),
      signals.first,
    ]);
    if (isReady) reporter.event({ event: 'stopping', reason: await signals.first });
  } finally {
    // After a failure too: whatever still waits for the cluster waits in vain.
    over.abort();
    inspector.close();
    await supervisor.stop();
    await broker.close();
    process.off('exit', killAll);
  }
}

interface RunningParts {
  readonly supervisor: Supervisor;
  readonly broker: BrokerClient;
  readonly inspector: Inspector;
  /** Aborted when the run is over, for whatever reason. */
  readonly signal: AbortSignal;
}

async function keepRunning(run: Run, parts: RunningParts, onReady: () => void): Promise<void> {
  const { reporter, folder, startedAt } = run;
  const { inspector, signal } = parts;
  const { plan, env } = run.request;
  const deadline = {
    at: startedAt + START_LIMIT_MS,
    limitMs: START_LIMIT_MS,
    signal,
  };
  try {
    const specs = specFactory({ plan, folder, engine: run.engine, env });
    const launched = await launch({ ...parts, plan, specs, deadline, progress: reporter.progress });
    const { proxies } = await inspector.look();
    if (signal.aborted) return;
    onReady();
    const info = readyInfoOf(plan, launched, {
      engine: `${run.engine.version} (${run.engine.file})`,
      dir: folder.directory,
      pid: process.pid,
      startedInMs: Date.now() - startedAt,
    });
    const members = proxies.filter(({ cluster }) => cluster === plan.cluster);
    reporter.ready(
      info,
      members.map(({ address }) => address),
    );
    await watchCluster({
      inspector,
      cluster: plan.cluster,
      signal,
      onEvent: reporter.event,
      onLook: reporter.look,
    });
  } catch (error) {
    // Whatever fails while everything is being stopped fails because of that.
    if (!signal.aborted) throw error;
    if (!(error instanceof Error))
      throw new CommandError('INTERRUPTED', 'interrupted', { cause: error });
  }
}

function exitEvent(child: Child, all: readonly Child[], plan: ClusterPlan): UpEvent {
  const { spec, pid, end } = child;
  const fields = {
    address: spec.address,
    pid,
    code: end?.code ?? null,
    signal: end?.signal ?? null,
  };
  switch (spec.kind) {
    case 'broker':
      return { event: 'broker-exited', ...fields };
    case 'proxy':
      return { event: 'proxy-exited', ...fields };
    case 'coordinator': {
      const left = all.filter((other) => other.spec.kind === 'coordinator' && other.end === null);
      return { event: 'coordinator-exited', ...fields, left: left.length };
    }
    case 'redis': {
      const owner = plan.proxies.find(({ redis }) => redis.some(({ name }) => name === spec.name));
      return { event: 'redis-exited', ...fields, proxy: owner?.address ?? '' };
    }
  }
}
