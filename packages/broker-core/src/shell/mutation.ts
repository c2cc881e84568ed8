import type { Epoch, NodeAddress } from '@undermoon/cluster-meta';
import type { StoreCommand } from '../core/command.ts';
import type { BrokerFailureCode } from '../errors.ts';

/** Who asked for a mutation. All of it is what the client claims, except for the address. */
export interface Origin {
  readonly requestId: string;
  readonly remoteAddress: string;
  readonly userAgent: string | null;
}

/** What can be asked for: a change of the state, or of what one broker does with it. */
export type AuditedCommand =
  | StoreCommand
  | { readonly kind: 'set-config'; readonly replicaAddresses: readonly NodeAddress[] };

/** One mutation that was carried out or refused. */
export interface Mutation {
  readonly command: AuditedCommand;
  /** Null: the broker itself. */
  readonly origin: Origin | null;
  readonly epochBefore: Epoch;
  /** As before when the mutation changed nothing or could not be kept. */
  readonly epochAfter: Epoch;
  readonly outcome: 'ok' | BrokerFailureCode;
}
