// What follows from what a proxy tells about itself: its epoch, its finished migrations and its Redis servers.

import type { NodeAddress } from '@undermoon/cluster-meta';
import * as detector from './detector.ts';
import { notify } from './effect.ts';
import * as epochs from './epoch-recovery.ts';
import type { CoordinatorEvent } from './event.ts';
import * as sync from './meta-sync.ts';
import * as migrations from './migration-sync.ts';
import { judgeServers } from './plan-servers.ts';
import { andThen, lift, planCommits, planInspections, planPushes, quiet } from './plan.ts';
import type { CoordinatorStep } from './plan.ts';
import { withEntries } from './schedule.ts';
import type { CoordinatorState } from './state.ts';

type EventOf<K extends CoordinatorEvent['kind']> = Extract<CoordinatorEvent, { kind: K }>;

/** A proxy told about itself, or did not. */
export function onInspection(
  state: CoordinatorState,
  event: EventOf<'inspected' | 'inspection-failed'>,
): CoordinatorStep {
  const { address } = event;
  const job = state.inspections.get(address);
  if (job === undefined || job.runningId !== event.id) return quiet(state);
  const isFailed = event.kind === 'inspection-failed';
  const code = event.code;
  const misses = code === null ? 0 : (state.inspectionMisses.get(address) ?? 0) + 1;
  const next: CoordinatorState = {
    ...state,
    inspectionMisses: withEntries(state.inspectionMisses, [[address, misses]]),
    inspections: withEntries(state.inspections, [[address, { ...job, runningId: null }]]),
  };
  const epoch = isFailed ? null : event.epoch;
  const seen = sync.observeEpoch(next.sync, { address, epoch, startedAt: job.startedAt });
  // The first one may be the proxy's death, which is the detector's business.
  const isNews = misses === 2 && detector.isAlive(state.detector, address);
  const lifted = withReads(lift(next, 'sync', seen), address);
  const told: CoordinatorStep =
    code === null || !isNews
      ? lifted
      : {
          ...lifted,
          effects: [...lifted.effects, notify({ kind: 'inspection-failed', address, code })],
        };
  const judged = andThen(told, (from) => judgeServers(from, event));
  if (isFailed) return andThen(judged, replan);
  return andThen(judged, (from) => {
    const reported: CoordinatorState = {
      ...from,
      epochs:
        epoch === null ? from.epochs : epochs.sawEpoch(from.epochs, address, epoch, job.startedAt),
      migrations: migrations.reportFinished(from.migrations, state.settings, event.tasks, event.at),
    };
    return andThen(planCommits(reported, event.at), replan);
  });

  function replan(from: CoordinatorState): CoordinatorStep {
    return andThen(planInspections(from, event), (last) => planPushes(last, event.at));
  }
}

// Metadata of an earlier life may be newer than the document that is held: a free proxy's document is not told
// anew by a watch when only the epoch rose.
function withReads({ state, effects }: CoordinatorStep, address: NodeAddress): CoordinatorStep {
  const isFree = !state.broker.clusterOf.has(address);
  const { epoch } = state.broker;
  const isBehind = epoch !== null && sync.isOutrun(state.sync, address, epoch);
  if (!isFree || !isBehind) return { state, effects };
  return { state, effects: [...effects, { kind: 'read-proxy', address }] };
}
