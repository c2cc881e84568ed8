import type { TaggedSlots } from './migration.ts';
import type { NodeAddress } from './node-address.ts';

/** The replication role of a Redis server. */
export type Role = 'master' | 'replica';

/** The other end of a replication pair. */
export interface ReplPeer {
  readonly nodeAddress: NodeAddress;
  readonly proxyAddress: NodeAddress;
}

/** One Redis server behind a proxy. Replicas own no slots. */
export interface NodeMeta {
  readonly address: NodeAddress;
  readonly proxyAddress: NodeAddress;
  readonly slots: readonly TaggedSlots[];
  readonly role: Role;
  readonly peers: readonly ReplPeer[];
}
