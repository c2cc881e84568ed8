import type { NodeAddress } from '@undermoon/cluster-meta';
import type { BackendStats, DedicatedStats, PubsubStats } from './info.ts';

/** The Redis servers as all loops together see them, in the order of the first loop that knows them. */
export function mergeBackends(
  loops: readonly (readonly BackendStats[])[],
): readonly BackendStats[] {
  const merged = new Map<NodeAddress, BackendStats>();
  for (const backend of loops.flat()) {
    const known = merged.get(backend.address);
    merged.set(backend.address, known === undefined ? backend : together(known, backend));
  }
  return [...merged.values()];
}

function together(left: BackendStats, right: BackendStats): BackendStats {
  const states = [left.state, right.state];
  return {
    address: left.address,
    state: states.includes('up') ? 'up' : states.includes('connecting') ? 'connecting' : 'idle',
    connectionCount: left.connectionCount + right.connectionCount,
    pendingCount: left.pendingCount + right.pendingCount,
  };
}

export function addDedicated(left: DedicatedStats, right: DedicatedStats): DedicatedStats {
  return {
    leasedCount: left.leasedCount + right.leasedCount,
    idleCount: left.idleCount + right.idleCount,
    blockedCount: left.blockedCount + right.blockedCount,
    refusedCount: left.refusedCount + right.refusedCount,
    trackingCount: left.trackingCount + right.trackingCount,
  };
}

export function addPubsub(left: PubsubStats, right: PubsubStats): PubsubStats {
  return {
    channelCount: left.channelCount + right.channelCount,
    patternCount: left.patternCount + right.patternCount,
    shardChannelCount: left.shardChannelCount + right.shardChannelCount,
    clientCount: left.clientCount + right.clientCount,
    linkCount: left.linkCount + right.linkCount,
    readyLinkCount: left.readyLinkCount + right.readyLinkCount,
  };
}
