import type { BackendGroup } from './backend-pool.ts';
import type { Lease, LeaseHolder } from './dedicated-pool.ts';
import type { Client } from './proxy-context.ts';

// A client that tracks keys has a connection for itself already, which knows what the client has read.

/** A connection to a server for a command that needs one for itself. Null: the limit is reached. */
export function takeLease(client: Client, group: BackendGroup, holder: LeaseHolder): Lease | null {
  const { tracking, context, session } = client;
  if (tracking !== null) return tracking.lend(group, holder);
  return context.dedicated.take(group.address, session.protocol, holder);
}

/** Gives such a connection back, without watched keys and without a transaction. */
export function giveLease(client: Client, lease: Lease, holder: LeaseHolder): void {
  if (client.tracking === null) client.context.dedicated.give(lease);
  else client.tracking.takeBack(holder, false);
}

/** Closes it, and with it whatever the server does for it. */
export function dropLease(client: Client, lease: Lease, holder: LeaseHolder): void {
  if (client.tracking === null) client.context.dedicated.drop(lease);
  else client.tracking.takeBack(holder, true);
}
