import { hostOf, type Epoch, type NodeAddress } from '@undermoon/cluster-meta';

/** Why metadata is refused. Peers compare these words: they are the whole text of the error reply. */
export type GateRefusal = 'OLD_EPOCH' | 'ERR_NOT_MY_META';

/** What the gate looks at. SETCLUSTER and SETREPL have an epoch each and do not see each other's. */
export interface GateRequest {
  /** Epoch and FORCE flag of the command. */
  readonly epoch: Epoch;
  readonly force: boolean;
  /** The Redis servers that the command places beside this proxy. */
  readonly localAddresses: readonly NodeAddress[];
}

/** What the proxy holds. */
export interface GateState {
  /** Epoch of the last accepted command of the same kind. */
  readonly epoch: Epoch;
  readonly announceAddress: NodeAddress;
}

/**
 * Accepts metadata only with a higher epoch, or with FORCE, and only if every local server is on this
 * proxy's announced host: a proxy that took over a re-used address must not act on another one's
 * metadata. Null means accepted.
 */
export function checkGate(request: GateRequest, state: GateState): GateRefusal | null {
  const host = hostOf(state.announceAddress);
  if (request.localAddresses.some((address) => hostOf(address) !== host)) return 'ERR_NOT_MY_META';
  return request.force || request.epoch > state.epoch ? null : 'OLD_EPOCH';
}
