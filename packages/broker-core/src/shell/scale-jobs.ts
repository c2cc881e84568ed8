import type { ClusterName, NodeAddress } from '@undermoon/cluster-meta';
import type { CancelTimer, Clock } from '@undermoon/runtime';
import { proxiesOf } from '../core/allocate.ts';
import type { StoreRefusal } from '../core/command.ts';
import { isFree } from '../core/scale-ops.ts';
import type { FetchEpoch } from '../options.ts';
import { ASKED_MAX } from './ask-proxy.ts';
import { fetchEpochs } from './fetch-epoch.ts';
import type { Origin } from './mutation.ts';
import type { StoreRunner } from './store-runner.ts';

/** What scaling jobs work with. */
export interface ScaleJobsOptions {
  readonly runner: StoreRunner;
  readonly fetchEpoch: FetchEpoch;
  readonly clock: Clock;
  /** How long new nodes may take until all proxies know about them. */
  readonly syncTimeoutMs: number;
}

/** The result of a job. */
export type ScaleOutcome = { readonly ok: true } | StoreRefusal;

const ROUND_INTERVAL_MS = 1000;

/**
 * Scales clusters in one call: adds nodes, waits until their proxies know the cluster, and plans the migrations
 * to them; or plans those that empty the nodes that are too many. While a cluster has a job, other changes
 * of its nodes are refused; other clusters are not held up.
 */
export class ScaleJobs {
  readonly #options: ScaleJobsOptions;
  readonly #busy = new Set<ClusterName>();
  readonly #wakeUps = new Set<() => void>();
  #isStopped = false;

  constructor(options: ScaleJobsOptions) {
    this.#options = options;
  }

  /** The refusal of a change of the cluster's nodes while it has a job, else null. */
  refusalOf(name: ClusterName): StoreRefusal | null {
    if (!this.#busy.has(name)) return null;
    const message = `the nodes of cluster ${name} are being changed by another request`;
    return { ok: false, code: 'NODE_NUMBER_CHANGING', message };
  }

  /**
   * Brings a cluster to `nodeNumber` nodes. Refused with PROXY_NOT_SYNC when its proxies take too long: the new
   * nodes stay then, and a repeated call goes on with them.
   */
  async scale(name: ClusterName, nodeNumber: number, origin: Origin | null): Promise<ScaleOutcome> {
    const refusal = this.refusalOf(name);
    if (refusal !== null) return refusal;
    this.#busy.add(name);
    try {
      return await this.#scale(name, nodeNumber, origin);
    } finally {
      this.#busy.delete(name);
    }
  }

  /** Ends the waiting of all jobs. Safe to call twice. */
  stop(): void {
    this.#isStopped = true;
    for (const wakeUp of this.#wakeUps) wakeUp();
  }

  async #scale(
    name: ClusterName,
    nodeNumber: number,
    origin: Origin | null,
  ): Promise<ScaleOutcome> {
    const { runner } = this.#options;
    const step = await runner.run({ kind: 'scale', name, nodeNumber }, origin);
    if (!step.outcome.ok) return step.outcome;
    if (step.state.clusters.get(name)?.chunks.some(isFree) !== true) return { ok: true };
    const synced = await this.#waitForProxies(name);
    if (!synced.ok) return synced;
    const { outcome } = await runner.run({ kind: 'expand', name }, origin);
    return outcome.ok ? { ok: true } : outcome;
  }

  /** Waits until each proxy of the cluster, except failed ones, has the epoch that the cluster has now. */
  async #waitForProxies(name: ClusterName): Promise<ScaleOutcome> {
    const { runner, clock, syncTimeoutMs, fetchEpoch } = this.#options;
    const epoch = runner.state.clusters.get(name)?.epoch ?? 0;
    const known = new Set<NodeAddress>();
    const deadlineMs = clock.monotonicMs() + syncTimeoutMs;
    for (;;) {
      const { clusters, failedProxies } = runner.state;
      const cluster = clusters.get(name);
      if (cluster === undefined) {
        return { ok: false, code: 'CLUSTER_NOT_FOUND', message: `there is no cluster ${name}` };
      }
      const waitedFor = proxiesOf(cluster.chunks).filter(
        (address) => !known.has(address) && !failedProxies.has(address),
      );
      if (waitedFor.length === 0) return { ok: true };
      // No more at a time than are asked at once: a round then takes no longer than one silent proxy.
      const asked = waitedFor.slice(0, ASKED_MAX);
      for (const [address, answered] of await fetchEpochs(asked, fetchEpoch)) {
        if (answered !== null && answered >= epoch) known.add(address);
      }
      const lagging = asked.filter((address) => !known.has(address));
      if (lagging.length === 0) continue;
      if (this.#isStopped) {
        return { ok: false, code: 'SHUTTING_DOWN', message: 'the broker is shutting down' };
      }
      if (clock.monotonicMs() >= deadlineMs) return notInSync(lagging);
      await this.#sleep();
    }
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      let cancel: CancelTimer | null = null;
      const wakeUp = (): void => {
        cancel?.();
        this.#wakeUps.delete(wakeUp);
        resolve();
      };
      this.#wakeUps.add(wakeUp);
      cancel = this.#options.clock.after(ROUND_INTERVAL_MS, wakeUp);
    });
  }
}

function notInSync(lagging: readonly NodeAddress[]): StoreRefusal {
  const named = lagging.slice(0, 3).join(', ');
  const more = lagging.length > 3 ? ` and ${lagging.length - 3} more` : '';
  const message = `${named}${more} did not get the metadata in time; the nodes were added, and a repeated request goes on from here`;
  return { ok: false, code: 'PROXY_NOT_SYNC', message };
}
