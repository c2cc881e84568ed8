import type { SlotRanges } from '@undermoon/slots';
import type { ClusterName } from './cluster-name.ts';
import type { Epoch } from './epoch.ts';
import type { NodeAddress } from './node-address.ts';

/** Both ends of a slot migration, and the epoch at which it was planned or last reset. */
export interface MigrationMeta {
  readonly epoch: Epoch;
  readonly srcProxyAddress: NodeAddress;
  readonly srcNodeAddress: NodeAddress;
  readonly dstProxyAddress: NodeAddress;
  readonly dstNodeAddress: NodeAddress;
}

/** What happens to a set of slots: nothing, or the leaving or the arriving side of a migration. */
export type MigrationTag =
  | { readonly kind: 'none' }
  | { readonly kind: 'migrating'; readonly meta: MigrationMeta }
  | { readonly kind: 'importing'; readonly meta: MigrationMeta };

/** The tag of slots that stay where they are. */
export const NO_TAG: MigrationTag = { kind: 'none' };

/** A set of slots with its tag (the original's "SlotRange"). */
export interface TaggedSlots {
  readonly ranges: SlotRanges;
  readonly tag: MigrationTag;
}

/** One migration as a proxy reports it and the broker commits it. The tag is never `none`. */
export interface MigrationTask {
  readonly clusterName: ClusterName;
  readonly slots: TaggedSlots;
}
