import type { BrokerErrorCode, ConfigChanges } from '@undermoon/broker-api';
import type {
  ClusterConfig,
  ClusterName,
  Epoch,
  MigrationTask,
  NodeAddress,
} from '@undermoon/cluster-meta';
import type { StoreState } from './model.ts';

/** Every mutation that the store accepts. */
export type StoreCommand =
  | {
      readonly kind: 'add-proxy';
      readonly address: NodeAddress;
      readonly nodeAddresses: readonly [NodeAddress, NodeAddress];
      readonly host: string;
      readonly index: number | null;
      /** Null leaves that of a known proxy as it is; so for `weight`. */
      readonly zone: string | null;
      readonly weight: number | null;
      /** Null takes that of a known proxy away. */
      readonly replicaAddress: NodeAddress | null;
    }
  | { readonly kind: 'remove-proxy'; readonly address: NodeAddress }
  | { readonly kind: 'create-cluster'; readonly name: ClusterName; readonly nodeNumber: number }
  | { readonly kind: 'delete-cluster'; readonly name: ClusterName }
  | { readonly kind: 'change-config'; readonly name: ClusterName; readonly changes: ConfigChanges }
  /** Without `inStep`, every replica is taken to be complete. */
  | {
      readonly kind: 'balance';
      readonly name: ClusterName;
      /** Redis servers that may become masters. */
      readonly inStep?: readonly NodeAddress[] | undefined;
    }
  /** Adds chunks without slots, `nodeNumber` nodes of them. */
  | { readonly kind: 'add-nodes'; readonly name: ClusterName; readonly nodeNumber: number }
  /** Adds chunks without slots until there are `nodeNumber` nodes. */
  | { readonly kind: 'add-nodes-up-to'; readonly name: ClusterName; readonly nodeNumber: number }
  | { readonly kind: 'delete-free-nodes'; readonly name: ClusterName }
  | { readonly kind: 'expand'; readonly name: ClusterName }
  | { readonly kind: 'shrink'; readonly name: ClusterName; readonly nodeNumber: number }
  | { readonly kind: 'rebalance'; readonly name: ClusterName }
  /** What one mutation can do to bring a cluster to `nodeNumber` nodes; new nodes wait for `expand`. */
  | { readonly kind: 'scale'; readonly name: ClusterName; readonly nodeNumber: number }
  | { readonly kind: 'pause-migrations'; readonly name: ClusterName }
  | { readonly kind: 'resume-migrations'; readonly name: ClusterName }
  | {
      readonly kind: 'cancel-migrations';
      readonly name: ClusterName;
      /** Migrations that run, whose source has promised not to hand the slots over. */
      readonly agreed?: readonly MigrationTask[] | undefined;
    }
  | { readonly kind: 'commit-migration'; readonly task: MigrationTask }
  | {
      readonly kind: 'report-failure';
      readonly address: NodeAddress;
      readonly reporterId: string;
    }
  /** The reporter sees the proxy answer again. */
  | {
      readonly kind: 'withdraw-report';
      readonly address: NodeAddress;
      readonly reporterId: string;
    }
  | { readonly kind: 'purge-failures' }
  | { readonly kind: 'failover'; readonly address: NodeAddress }
  | { readonly kind: 'set-epoch'; readonly epoch: Epoch }
  | { readonly kind: 'recover-epoch'; readonly proxyEpochMax: Epoch }
  | { readonly kind: 'restore'; readonly store: StoreState };

/** What a mutation depends on besides the state. */
export interface ApplyContext {
  /** Unix seconds. */
  readonly nowSeconds: number;
  readonly failureTtlSeconds: number;
  /** Distinct reporters that make a proxy count as down. */
  readonly failureQuorum: number;
  readonly defaultClusterConfig: ClusterConfig;
  /** Migrations of one cluster that run at a time; 0 is no limit. */
  readonly migrationLimit: number;
  /** Migrations of all clusters that run at a time with an end on one host; 0 is no limit. */
  readonly hostMigrationLimit: number;
}

/** What happened, for logs. */
export type StoreEvent =
  | { readonly kind: 'proxy-added'; readonly address: NodeAddress }
  | { readonly kind: 'proxy-labelled'; readonly address: NodeAddress }
  | { readonly kind: 'replica-address-changed'; readonly address: NodeAddress }
  | { readonly kind: 'proxy-recovered'; readonly address: NodeAddress }
  | { readonly kind: 'proxy-removed'; readonly address: NodeAddress }
  | { readonly kind: 'proxy-failed'; readonly address: NodeAddress }
  | { readonly kind: 'cluster-created'; readonly name: ClusterName; readonly nodeNumber: number }
  | { readonly kind: 'cluster-deleted'; readonly name: ClusterName }
  | { readonly kind: 'config-changed'; readonly name: ClusterName }
  | { readonly kind: 'cluster-balanced'; readonly name: ClusterName }
  | { readonly kind: 'nodes-added'; readonly name: ClusterName; readonly nodeNumber: number }
  | { readonly kind: 'nodes-removed'; readonly name: ClusterName; readonly nodeNumber: number }
  | { readonly kind: 'migrations-planned'; readonly name: ClusterName; readonly taskCount: number }
  | { readonly kind: 'migrations-paused'; readonly name: ClusterName }
  | { readonly kind: 'migrations-resumed'; readonly name: ClusterName }
  | {
      readonly kind: 'migrations-cancelled';
      readonly name: ClusterName;
      readonly taskCount: number;
    }
  | { readonly kind: 'migrations-released'; readonly name: ClusterName; readonly taskCount: number }
  | { readonly kind: 'migration-committed'; readonly name: ClusterName }
  | { readonly kind: 'roles-flipped'; readonly name: ClusterName; readonly from: NodeAddress }
  | {
      readonly kind: 'failover-withheld';
      readonly name: ClusterName;
      readonly address: NodeAddress;
      readonly survivor: NodeAddress;
    }
  | {
      readonly kind: 'proxy-replaced';
      readonly name: ClusterName;
      readonly address: NodeAddress;
      readonly replacement: NodeAddress;
    }
  | { readonly kind: 'replacement-pending'; readonly address: NodeAddress }
  | { readonly kind: 'epoch-set'; readonly epoch: Epoch }
  | { readonly kind: 'store-restored'; readonly epoch: Epoch };

/** Why a mutation was refused. */
export interface StoreRefusal {
  readonly ok: false;
  readonly code: BrokerErrorCode;
  readonly message: string;
  /** The request's member at fault, where there is one. */
  readonly field?: string;
  /** Of INVALID_CONFIG only: the configuration field and its refused value. */
  readonly key?: string;
  readonly value?: string;
}

/** The result of a mutation. `value` is the replacement that a failover found, and null otherwise. */
export type StoreOutcome = { readonly ok: true; readonly value: NodeAddress | null } | StoreRefusal;

/**
 * A state after a mutation. It can differ from the one before even if the mutation was refused: a failover
 * without a replacement still moves the roles, and registering a known proxy still clears its failure marks.
 */
export interface StoreStep {
  readonly state: StoreState;
  readonly events: readonly StoreEvent[];
  readonly outcome: StoreOutcome;
}

export function done(
  state: StoreState,
  events: readonly StoreEvent[],
  value: NodeAddress | null = null,
): StoreStep {
  return { state, events, outcome: { ok: true, value } };
}

export function refused(
  state: StoreState,
  code: BrokerErrorCode,
  message: string,
  events: readonly StoreEvent[] = [],
): StoreStep {
  return { state, events, outcome: { ok: false, code, message } };
}
