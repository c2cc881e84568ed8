import type { ClusterName, Epoch, NodeAddress } from '@undermoon/cluster-meta';
import type { WithheldReason } from './withheld-reason.ts';

/**
 * Something worth telling people: each becomes one log line and one call of the `onEvent` option.
 * `code` fields hold the error codes of this package, of the broker's contract, or of the operating system.
 */
export type CoordinatorNotice =
  | { readonly kind: 'failure-reported'; readonly address: NodeAddress }
  | { readonly kind: 'report-failed'; readonly address: NodeAddress; readonly code: string }
  /** A proxy that answers cannot reach a Redis server that is a master. */
  | { readonly kind: 'server-missed'; readonly address: NodeAddress; readonly node: NodeAddress }
  /** The broker took the report about this proxy, which is for this server. */
  | { readonly kind: 'server-reported'; readonly address: NodeAddress; readonly node: NodeAddress }
  /** It has been missed for long enough, but its proxy is not failed over. Told once for each reason. */
  | {
      readonly kind: 'server-failover-withheld';
      readonly address: NodeAddress;
      readonly node: NodeAddress;
      readonly reason: WithheldReason;
    }
  /** No master of this proxy is missed any more. */
  | {
      readonly kind: 'server-settled';
      readonly address: NodeAddress;
      readonly node: NodeAddress;
      /** The server answers again. Otherwise it is no master any more, or nothing is known of it. */
      readonly isReached: boolean;
    }
  | { readonly kind: 'server-brake-set'; readonly failing: number; readonly targets: number }
  | { readonly kind: 'server-brake-released'; readonly failing: number; readonly targets: number }
  | {
      readonly kind: 'proxy-returned';
      readonly address: NodeAddress;
      /** The broker still lists it as failed: it has to be registered again before it is used. */
      readonly isMarkedFailed: boolean;
    }
  | {
      readonly kind: 'proxy-restarted';
      readonly address: NodeAddress;
      readonly fromEpoch: Epoch;
      readonly toEpoch: Epoch;
    }
  | {
      readonly kind: 'failover-done';
      readonly address: NodeAddress;
      readonly replacement: NodeAddress | null;
    }
  | {
      readonly kind: 'failover-failed';
      readonly address: NodeAddress;
      readonly code: string;
      readonly retryInMs: number;
    }
  | {
      readonly kind: 'metadata-pushed';
      readonly address: NodeAddress;
      readonly clusterName: ClusterName | null;
      readonly epoch: Epoch;
      /** False: the proxy had this or newer metadata already. */
      readonly isNew: boolean;
      readonly tookMs: number;
    }
  | {
      readonly kind: 'metadata-warning';
      readonly address: NodeAddress;
      readonly epoch: Epoch;
      readonly text: string;
    }
  | {
      readonly kind: 'push-failed';
      readonly address: NodeAddress;
      readonly epoch: Epoch;
      readonly code: string;
      readonly retryInMs: number;
    }
  | {
      readonly kind: 'migration-committed';
      readonly clusterName: ClusterName;
      readonly source: NodeAddress;
      readonly destination: NodeAddress;
      readonly epoch: Epoch;
    }
  | {
      readonly kind: 'commit-failed';
      readonly clusterName: ClusterName;
      readonly code: string;
      readonly retryInMs: number;
    }
  | { readonly kind: 'inspection-failed'; readonly address: NodeAddress; readonly code: string }
  | { readonly kind: 'brake-set'; readonly failing: number; readonly targets: number }
  | { readonly kind: 'brake-released'; readonly failing: number; readonly targets: number }
  | { readonly kind: 'broker-unreachable'; readonly code: string }
  | { readonly kind: 'broker-reachable' }
  /** The broker tells changes as they are made. */
  | { readonly kind: 'broker-watched' }
  /** It does not any more; changes are found by the rounds until it does again. */
  | { readonly kind: 'broker-watch-lost'; readonly code: string }
  | { readonly kind: 'broker-read-failed'; readonly what: string; readonly code: string }
  | { readonly kind: 'broker-went-back'; readonly fromEpoch: Epoch; readonly toEpoch: Epoch }
  | {
      readonly kind: 'epoch-ahead';
      readonly address: NodeAddress;
      readonly proxyEpoch: Epoch;
      readonly brokerEpoch: Epoch;
    }
  | { readonly kind: 'epoch-caught-up'; readonly address: NodeAddress }
  | { readonly kind: 'epoch-recovery'; readonly code: string | null }
  | { readonly kind: 'stalled'; readonly lateMs: number };
