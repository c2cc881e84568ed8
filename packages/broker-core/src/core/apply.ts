import { unreachable } from '@undermoon/runtime';
import { changeConfig, createCluster, deleteCluster } from './cluster-ops.ts';
import { done, type ApplyContext, type StoreCommand, type StoreStep } from './command.ts';
import { recoverEpoch, setEpoch } from './epoch.ts';
import { balance, failover, retryReplacements } from './failover-ops.ts';
import { purgeFailures, reportFailure, withdrawReport } from './failure-log.ts';
import {
  cancelMigrations,
  pauseMigrations,
  releaseMigrations,
  resumeMigrations,
} from './migration-control.ts';
import { commitMigration } from './migration-ops.ts';
import type { StoreState } from './model.ts';
import { addProxy, removeProxy } from './proxy-ops.ts';
import { renewLists } from './replica-list.ts';
import { restore } from './restore.ts';
import {
  addNodes,
  addNodesUpTo,
  deleteFreeNodes,
  expand,
  rebalance,
  scale,
  shrink,
} from './scale-ops.ts';

/**
 * The version of what `apply` does. A command log is replayed only by the version that wrote it, because
 * another one may come to another state: it is raised whenever a command, a state and a context can lead
 * to another state than before.
 */
export const APPLY_VERSION = 2;

/**
 * Carries out one mutation: the only way a state changes. Expired failure reports are dropped first, so
 * that they keep no proxy from being used; replacements and migrations that are waited for are tried last,
 * because any mutation may have made room for them. The state given is not changed.
 */
export function apply(state: StoreState, command: StoreCommand, context: ApplyContext): StoreStep {
  const step = applyCommand(purgeFailures(state, context), command, context);
  const retried = retryReplacements(step.state, context);
  // A standby broker has the state exactly as it was pushed, so that the next push is not older.
  const renewed = { ...retried, state: renewLists(state, retried.state) };
  const released =
    command.kind === 'restore'
      ? done(retried.state, [])
      : releaseMigrations(renewed.state, context);
  return {
    state: released.state,
    events: [...step.events, ...retried.events, ...released.events],
    outcome: step.outcome,
  };
}

function applyCommand(state: StoreState, command: StoreCommand, context: ApplyContext): StoreStep {
  switch (command.kind) {
    case 'add-proxy':
      return addProxy(state, command);
    case 'remove-proxy':
      return removeProxy(state, command.address);
    case 'create-cluster':
      return createCluster(state, command.name, command.nodeNumber, context);
    case 'delete-cluster':
      return deleteCluster(state, command.name);
    case 'change-config':
      return changeConfig(state, command.name, command.changes);
    case 'balance':
      return balance(state, command);
    case 'add-nodes':
      return addNodes(state, command.name, command.nodeNumber);
    case 'add-nodes-up-to':
      return addNodesUpTo(state, command.name, command.nodeNumber);
    case 'delete-free-nodes':
      return deleteFreeNodes(state, command.name);
    case 'expand':
      return expand(state, command.name, context);
    case 'shrink':
      return shrink(state, command, context);
    case 'rebalance':
      return rebalance(state, command.name, context);
    case 'scale':
      return scale(state, command, context);
    case 'pause-migrations':
      return pauseMigrations(state, command.name, context);
    case 'resume-migrations':
      return resumeMigrations(state, command.name);
    case 'cancel-migrations':
      return cancelMigrations(state, command, context);
    case 'commit-migration':
      return commitMigration(state, command.task);
    case 'report-failure':
      return reportFailure(state, command.address, command.reporterId, context);
    case 'withdraw-report':
      return withdrawReport(state, command.address, command.reporterId);
    case 'purge-failures':
      return done(state, []);
    case 'failover':
      return failover(state, command.address, context);
    case 'set-epoch':
      return setEpoch(state, command.epoch);
    case 'recover-epoch':
      return recoverEpoch(state, command.proxyEpochMax);
    case 'restore':
      return restore(state, command.store);
    default:
      return unreachable(command);
  }
}
