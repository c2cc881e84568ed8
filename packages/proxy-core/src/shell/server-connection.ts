import type { BackendConnection } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { Client } from './proxy-context.ts';

/**
 * The connection that a client's next command for a server takes: while it watches keys there, that one, which is
 * that of all its commands if it tracks keys.
 */
export function connectionFor(client: Client, group: BackendGroup): BackendConnection {
  const { watching, tracking } = client;
  const isWatched = watching !== null && tracking === null && watching.address === group.address;
  return isWatched ? watching.connection : client.backendOf(group);
}
