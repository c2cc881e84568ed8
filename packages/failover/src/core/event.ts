import type {
  ClusterMeta,
  ClusterName,
  Epoch,
  MigrationTask,
  NodeAddress,
  ProxyMeta,
} from '@undermoon/cluster-meta';
import type { BrokerCursor } from './broker-cursor.ts';
import type { ServerSight } from './server-sight.ts';

/** When an event is handled, and one random number for whatever it decides. */
export interface Moment {
  /** Monotonic milliseconds. */
  readonly at: number;
  /** At least 0, below 1. */
  readonly draw: number;
}

/** How a proxy took one of the two metadata commands: `old` means that it has this epoch or a newer one. */
export type PushReply =
  | { readonly kind: 'ok' }
  | { readonly kind: 'old' }
  | { readonly kind: 'warning'; readonly text: string };

/** What happened outside. `id` is that of the effect it answers; an answer nobody waits for is dropped. */
export type CoordinatorInput =
  | { readonly kind: 'tick' }
  | { readonly kind: 'brokers-changed' }
  | { readonly kind: 'probe-answered'; readonly id: number; readonly address: NodeAddress }
  | { readonly kind: 'probe-failed'; readonly id: number; readonly address: NodeAddress }
  | {
      readonly kind: 'inspected';
      readonly id: number;
      readonly address: NodeAddress;
      /** Null: the proxy did not tell. */
      readonly epoch: Epoch | null;
      readonly tasks: readonly MigrationTask[];
      /** Its Redis servers; null: it did not tell. */
      readonly servers: readonly ServerSight[] | null;
      /** Why an answer could not be used, or null. */
      readonly code: string | null;
    }
  | {
      readonly kind: 'inspection-failed';
      readonly id: number;
      readonly address: NodeAddress;
      readonly code: string;
    }
  | {
      readonly kind: 'pushed';
      readonly id: number;
      readonly address: NodeAddress;
      /** Null: that command was not asked for. */
      readonly repl: PushReply | null;
      readonly cluster: PushReply | null;
    }
  | {
      readonly kind: 'push-failed';
      readonly id: number;
      readonly address: NodeAddress;
      /** The reply to SETREPL when it is SETCLUSTER that failed. */
      readonly repl: PushReply | null;
      readonly code: string;
    }
  | {
      readonly kind: 'inventory';
      readonly id: number;
      readonly epoch: Epoch;
      /** Null: as before. */
      readonly addresses: readonly NodeAddress[] | null;
      readonly failed: readonly NodeAddress[];
      /** Null: not asked for. */
      readonly failures: readonly NodeAddress[] | null;
    }
  | { readonly kind: 'inventory-failed'; readonly id: number; readonly code: string }
  | { readonly kind: 'failures'; readonly addresses: readonly NodeAddress[] }
  | {
      readonly kind: 'documents';
      readonly id: number;
      /** Every cluster's name. */
      readonly names: readonly ClusterName[];
      readonly clusters: readonly ClusterMeta[];
      /** Clusters that could not be read. */
      readonly unread: readonly ClusterName[];
    }
  | { readonly kind: 'documents-failed'; readonly id: number; readonly code: string }
  | {
      readonly kind: 'free-documents';
      readonly id: number;
      readonly documents: readonly ProxyMeta[];
      readonly unread: readonly NodeAddress[];
    }
  | {
      readonly kind: 'cluster-document';
      readonly cluster: ClusterMeta | null;
      readonly first: readonly NodeAddress[];
    }
  | { readonly kind: 'proxy-document'; readonly document: ProxyMeta | null }
  | {
      readonly kind: 'watched';
      readonly id: number;
      readonly cursor: BrokerCursor;
      /** The broker cannot say what changed. */
      readonly isResync: boolean;
      /** False: some of what changed could not be read, or is too much to be read one by one. */
      readonly isComplete: boolean;
      readonly clusters: readonly ClusterMeta[];
      readonly removedClusters: readonly ClusterName[];
      /** Documents of proxies that are in no cluster now. */
      readonly freeProxies: readonly ProxyMeta[];
      readonly removedProxies: readonly NodeAddress[];
    }
  | { readonly kind: 'watch-failed'; readonly id: number; readonly code: string }
  | { readonly kind: 'report-done'; readonly address: NodeAddress }
  | { readonly kind: 'report-failed'; readonly address: NodeAddress; readonly code: string }
  | { readonly kind: 'withdrawal-done'; readonly id: number; readonly address: NodeAddress }
  | { readonly kind: 'withdrawal-failed'; readonly id: number; readonly address: NodeAddress }
  | {
      readonly kind: 'failover-done';
      readonly id: number;
      readonly address: NodeAddress;
      readonly replacement: ProxyMeta | null;
    }
  | {
      readonly kind: 'failover-failed';
      readonly id: number;
      readonly address: NodeAddress;
      readonly code: string;
    }
  | { readonly kind: 'commit-done'; readonly id: number; readonly key: string }
  | {
      readonly kind: 'commit-failed';
      readonly id: number;
      readonly key: string;
      readonly code: string;
    }
  | { readonly kind: 'recovery-done'; readonly code: string | null }
  | { readonly kind: 'read-failed'; readonly what: string; readonly code: string };

/** An input with its moment. */
export type CoordinatorEvent = CoordinatorInput & Moment;
