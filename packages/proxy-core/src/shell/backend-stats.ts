import type { BackendStats } from '../core/info.ts';
import type { BackendGroup } from './backend-pool.ts';

/** A Redis server as its data connections see it. */
export function backendStatsOf(group: BackendGroup): BackendStats {
  const connections = group.connections();
  const states = new Set(connections.map((connection) => connection.state));
  return {
    address: group.address,
    state: states.has('ready') ? 'up' : states.has('connecting') ? 'connecting' : 'idle',
    connectionCount: connections.filter((connection) => connection.state === 'ready').length,
    pendingCount: connections.reduce((sum, connection) => sum + connection.pending, 0),
  };
}
