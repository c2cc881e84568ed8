import { setTimeout as wait } from 'node:timers/promises';
import { clusterDocument, type ClusterDocument } from './broker-http.ts';
import { memberAddresses, servingAddresses, untilHealthy } from './cluster-state.ts';
import type { RunningCluster } from './running-cluster.ts';
import type { StockClient } from './stock-client.ts';
import { until } from './until.ts';
import { Workload } from './workload.ts';
import { WriteProbe } from './write-probe.ts';

/** The product's promise: writes succeed again this long after the death of a proxy. */
export const RECOVERY_MS_MAX = 10_000;

/** How long writes have to keep succeeding before a fault counts as over. */
const STEADY_MS = 3000;

/** How long to wait for the promise before giving up, so that a broken one is measured. */
const GIVE_UP_MS = 30_000;

/** Time in which a write reaches the replica on a busy machine. Replication is asynchronous: later ones may be lost. */
const REPLICATION_LAG_MS = 1000;

/** What a drill works with. */
export interface FaultDrillOptions {
  readonly cluster: RunningCluster;
  readonly client: StockClient;
  readonly seed: number;
  readonly label: string;
}

/** What one fault did. */
export interface FaultReport {
  /** From the fault until every key was written again and no more write failed or was held up. */
  readonly outageMs: number;
  /** From the fault until every replica was in sync again, where there was a spare proxy. */
  readonly healedMs: number;
  /** Acknowledged writes that are gone, among those that can be told. */
  readonly lostWrites: number;
  readonly document: ClusterDocument;
}

/** One fault and what has to come of it. */
export interface Fault {
  /** Returns the time of the fault. */
  strike(): Promise<number>;
  /** The proxy that has to leave the cluster because of it. Without a spare proxy it only ceases to serve. */
  readonly leaving: string;
  /** Default true. */
  readonly hasSpare?: boolean;
}

/** Work and a write probe from one client, on which faults are tried one after the other. */
export class FaultDrill {
  readonly workload: Workload;
  readonly #cluster: RunningCluster;
  readonly #probe: WriteProbe;

  constructor({ cluster, client, seed, label }: FaultDrillOptions) {
    this.#cluster = cluster;
    this.workload = new Workload({ client, seed, label });
    this.#probe = new WriteProbe({ client, label });
    this.workload.start();
  }

  /** Lets the work go on for a while, in which nothing may fail. */
  async calm(durationMs: number): Promise<void> {
    const from = performance.now();
    const errorsBefore = this.workload.stats.errors;
    await wait(durationMs);
    await this.workload.pause();
    await this.workload.verify();
    this.workload.start();
    const failures = this.#probe.failuresSince(from);
    const errorCount = this.workload.stats.errors - errorsBefore;
    if (failures.length > 0 || errorCount > 0) {
      throw new Error(`failures while nothing fails: ${failures[0] ?? this.workload.summary()}`);
    }
    this.check();
  }

  /** Strikes, waits until writes succeed and the cluster is whole again, and takes stock of the data. */
  async survive(fault: Fault): Promise<FaultReport> {
    this.workload.beginFault();
    const faultAt = await fault.strike();
    const steady = { from: faultAt, goodForMs: STEADY_MS, timeoutMs: GIVE_UP_MS };
    const [recoveredAt, { document, healedMs }] = await Promise.all([
      this.#probe.untilSteady(steady),
      this.#untilReplaced(fault).then((replaced) => ({
        document: replaced,
        healedMs: performance.now() - faultAt,
      })),
    ]);
    await this.workload.pause();
    const outageMs = this.#probe.outageMs(faultAt);
    const times = {
      faultAt,
      recoveredAt: faultAt + outageMs,
      replicationLagMs: REPLICATION_LAG_MS,
    };
    const lostWrites = await this.workload.adopt(times);
    this.workload.start();
    const late = this.#probe.failuresSince(recoveredAt + 1);
    if (late.length > 0) throw new Error(`a write failed after the recovery: ${late[0]}`);
    this.check();
    return { outageMs, healedMs, lostWrites, document };
  }

  /** Fails with what was wrong so far. */
  check(): void {
    if (this.workload.violations.length === 0) return;
    throw new Error(`wrong data:\n${this.workload.violations.join('\n')}`);
  }

  /** Stops the work, reads everything once more, and fails with what was wrong. */
  async finish(): Promise<void> {
    await this.workload.pause();
    await this.workload.verify();
    await this.#probe.stop();
    this.check();
  }

  /** Stops without a look at the data. */
  async abandon(): Promise<void> {
    await Promise.all([this.workload.pause(), this.#probe.stop()]);
  }

  async #untilReplaced({ leaving, hasSpare = true }: Fault): Promise<ClusterDocument> {
    const { brokerUrl, clusterName } = this.#cluster;
    const addresses = hasSpare ? memberAddresses : servingAddresses;
    const document = await until(
      `${leaving} leaves ${clusterName}`,
      async () => {
        const now = await clusterDocument(brokerUrl, clusterName);
        return addresses(now).includes(leaving) ? null : now;
      },
      { timeoutMs: GIVE_UP_MS },
    );
    return hasSpare ? untilHealthy(this.#cluster, GIVE_UP_MS) : document;
  }
}

/** A report for people. */
export function describeReport({ outageMs, healedMs, lostWrites }: FaultReport): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  return `writes back after ${seconds(outageMs)}, replicas in sync after ${seconds(healedMs)}, ${lostWrites} acknowledged writes lost`;
}
