import type { ClusterName, NodeAddress } from '@undermoon/cluster-meta';
import type { BrokerView } from './broker-view.ts';
import { newBrokerView } from './broker-view.ts';
import type { BrokerWatch } from './broker-watch.ts';
import { newBrokerWatch } from './broker-watch.ts';
import type { DetectorState } from './detector.ts';
import { newDetector } from './detector.ts';
import type { EpochWatchState } from './epoch-recovery.ts';
import { newEpochWatch } from './epoch-recovery.ts';
import type { FailureHandlerState } from './failure-handler.ts';
import { newFailureHandler } from './failure-handler.ts';
import type { MetaSyncState } from './meta-sync.ts';
import { newMetaSync } from './meta-sync.ts';
import type { MigrationSyncState } from './migration-sync.ts';
import { newMigrationSync } from './migration-sync.ts';
import type { WithdrawalState } from './report-withdrawal.ts';
import { newWithdrawals } from './report-withdrawal.ts';
import type { Job } from './schedule.ts';
import type { ServerWatchState } from './server-watch.ts';
import { newServerWatch } from './server-watch.ts';
import type { CoordinatorSettings } from './settings.ts';

/** Everything a coordinator knows. Nothing of it outlives the process: all is learned anew. */
export interface CoordinatorState {
  readonly settings: CoordinatorSettings;
  readonly lastTickAt: number | null;
  readonly broker: BrokerView;
  readonly watch: BrokerWatch;
  readonly detector: DetectorState;
  readonly servers: ServerWatchState;
  readonly withdrawals: WithdrawalState;
  readonly sync: MetaSyncState;
  readonly migrations: MigrationSyncState;
  readonly failures: FailureHandlerState;
  readonly epochs: EpochWatchState;
  /** The round that asks each proxy for its epoch and its finished migrations. */
  readonly inspections: ReadonlyMap<NodeAddress, Job>;
  readonly nextInspectionId: number;
  /** Inspections in a row that failed, so that a failure is told once. */
  readonly inspectionMisses: ReadonlyMap<NodeAddress, number>;
}

/** A coordinator that knows nothing yet. */
export function newCoordinatorState(settings: CoordinatorSettings): CoordinatorState {
  return {
    settings,
    lastTickAt: null,
    broker: newBrokerView(),
    watch: newBrokerWatch(),
    detector: newDetector(),
    servers: newServerWatch(),
    withdrawals: newWithdrawals(),
    sync: newMetaSync(),
    migrations: newMigrationSync(),
    failures: newFailureHandler(),
    epochs: newEpochWatch(),
    inspections: new Map(),
    nextInspectionId: 1,
    inspectionMisses: new Map(),
  };
}

/** A summary for INFO and for tests of embedding programs. */
export interface CoordinatorStatus {
  readonly brokerReach: 'unknown' | 'reachable' | 'unreachable';
  readonly brokerEpoch: number | null;
  readonly clusters: readonly ClusterName[];
  readonly proxies: number;
  readonly alive: number;
  readonly suspect: number;
  /** Reported to the broker as dead, or marked failed there. */
  readonly reported: number;
  /** Proxies that answer but cannot reach a Redis master. */
  readonly missingMasters: number;
  /** Proxies whose metadata is not known to be up to date. */
  readonly behind: number;
  /** Proxies with a higher epoch than the broker's. */
  readonly ahead: number;
  /** Reports and failovers are suspended because most proxies fail at once, or masters of most of them. */
  readonly isBraking: boolean;
}

/** Summarises the state. */
export function statusOf(state: CoordinatorState): CoordinatorStatus {
  const counts = { unknown: 0, alive: 0, suspect: 0, reported: 0 };
  for (const target of state.detector.targets.values()) counts[target.health.kind] += 1;
  let behind = 0;
  for (const entry of state.sync.entries.values()) {
    const wanted = entry.wanted?.epoch ?? null;
    if (wanted === null || wanted > entry.ackedCluster || wanted > entry.ackedRepl) behind += 1;
  }
  return {
    brokerReach: state.broker.reach,
    brokerEpoch: state.broker.epoch,
    clusters: [...state.broker.clusters.keys()],
    proxies: state.detector.targets.size,
    alive: counts.alive,
    suspect: counts.suspect,
    reported: counts.reported,
    missingMasters: state.servers.cases.size,
    behind,
    ahead: state.epochs.ahead.size,
    isBraking: state.detector.isBraking || state.servers.isBraking,
  };
}
