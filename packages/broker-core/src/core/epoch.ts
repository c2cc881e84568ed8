import type { StoredCluster } from '@undermoon/broker-api';
import { nextEpoch, parseEpoch, type Epoch } from '@undermoon/cluster-meta';
import { done, refused, type StoreStep } from './command.ts';
import { withCluster, type StoreState } from './model.ts';

/** Epochs are not forced higher than this, so that they can still rise for as long as anybody lives. */
export const FORCED_EPOCH_MAX: number = 2 ** 52;

// GETEPOCH tells the epoch of SETCLUSTER only; that of SETREPL may be slightly ahead.
const RECOVERY_MARGIN = 2;

/** The state with the global epoch raised by one. */
export function bumpGlobal(state: StoreState): StoreState {
  return { ...state, globalEpoch: nextEpoch(state.globalEpoch) };
}

/** Stores a changed cluster with a fresh global epoch as its own. */
export function bumpCluster(state: StoreState, cluster: StoredCluster): StoreState {
  const bumped = bumpGlobal(state);
  return withCluster(bumped, cluster.name, { ...cluster, epoch: bumped.globalEpoch });
}

/** Raises all epochs to `epoch`. Refuses to lower or to keep the global one. */
export function setEpoch(state: StoreState, epoch: Epoch): StoreStep {
  if (epoch <= state.globalEpoch) {
    const message = `epoch: ${epoch} is not above the current ${state.globalEpoch}`;
    return refused(state, 'EPOCH_SMALLER_THAN_CURRENT', message);
  }
  if (epoch > FORCED_EPOCH_MAX) {
    return refused(state, 'INVALID_REQUEST', `epoch: ${epoch} is above ${FORCED_EPOCH_MAX}`);
  }
  return done(withAllEpochs(state, epoch), [{ kind: 'epoch-set', epoch }]);
}

/** Raises all epochs above the highest one that any proxy has seen. */
export function recoverEpoch(state: StoreState, proxyEpochMax: Epoch): StoreStep {
  const wanted = Math.max(proxyEpochMax + RECOVERY_MARGIN, state.globalEpoch + 1);
  const epoch = parseEpoch(wanted);
  if (epoch === null || epoch > FORCED_EPOCH_MAX) {
    return refused(state, 'INVALID_REQUEST', `a proxy reports the epoch ${proxyEpochMax}`);
  }
  return done(withAllEpochs(state, epoch), [{ kind: 'epoch-set', epoch }]);
}

function withAllEpochs(state: StoreState, epoch: Epoch): StoreState {
  const clusters = [...state.clusters].map(
    ([name, cluster]) => [name, { ...cluster, epoch }] as const,
  );
  return { ...state, globalEpoch: epoch, clusters: new Map(clusters) };
}
