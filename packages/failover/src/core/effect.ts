import type {
  ClusterName,
  Epoch,
  MigrationTask,
  NodeAddress,
  ProxyMeta,
} from '@undermoon/cluster-meta';
import type { BrokerCursor } from './broker-cursor.ts';
import type { CoordinatorNotice } from './notice.ts';

/** Which of the two metadata commands to send. At least one is true. */
export interface PushParts {
  readonly repl: boolean;
  readonly cluster: boolean;
}

/** What the shell has to do. Each is answered by exactly one event, within its time limit. */
export type CoordinatorEffect =
  | { readonly kind: 'probe'; readonly id: number; readonly address: NodeAddress }
  | { readonly kind: 'inspect'; readonly id: number; readonly address: NodeAddress }
  | {
      readonly kind: 'push';
      readonly id: number;
      readonly address: NodeAddress;
      readonly meta: ProxyMeta;
      readonly parts: PushParts;
    }
  | {
      readonly kind: 'read-inventory';
      readonly id: number;
      /** The addresses need not be listed again while the epoch is this one. */
      readonly knownEpoch: Epoch | null;
      readonly withFailures: boolean;
    }
  | { readonly kind: 'read-failures' }
  /** Wait for what changes after `since`, and read what it names. Null: only ask where to begin. */
  | { readonly kind: 'watch'; readonly id: number; readonly since: BrokerCursor | null }
  | { readonly kind: 'read-documents'; readonly id: number }
  | {
      readonly kind: 'read-free-documents';
      readonly id: number;
      readonly addresses: readonly NodeAddress[];
    }
  | {
      readonly kind: 'read-cluster';
      readonly name: ClusterName;
      /** Proxies to push to before the others, in this order. */
      readonly first: readonly NodeAddress[];
    }
  /** The document of a proxy that is in no cluster. */
  | { readonly kind: 'read-proxy'; readonly address: NodeAddress }
  | { readonly kind: 'report-failure'; readonly address: NodeAddress }
  | { readonly kind: 'withdraw-report'; readonly id: number; readonly address: NodeAddress }
  | { readonly kind: 'failover'; readonly id: number; readonly address: NodeAddress }
  | {
      readonly kind: 'commit';
      readonly id: number;
      readonly key: string;
      readonly task: MigrationTask;
    }
  | { readonly kind: 'recover-epochs' }
  /** Not answered: close what is open towards this address. */
  | { readonly kind: 'forget'; readonly address: NodeAddress }
  /** Not answered. */
  | { readonly kind: 'notice'; readonly notice: CoordinatorNotice };

/** A notice as an effect. */
export function notify(notice: CoordinatorNotice): CoordinatorEffect {
  return { kind: 'notice', notice };
}
