import type { Epoch } from '@undermoon/cluster-meta';
import type { StoreCommand } from '../core/command.ts';
import type { BrokerFailureCode } from '../errors.ts';

/** Who asked for a mutation. All of it is what the client claims, except for the address. */
export interface Origin {
  readonly requestId: string;
  readonly remoteAddress: string;
  readonly userAgent: string | null;
}

/** One mutation that was carried out or refused. */
export interface Mutation {
  readonly command: StoreCommand;
  /** Null: the broker itself. */
  readonly origin: Origin | null;
  readonly epochBefore: Epoch;
  /** As before when the mutation changed nothing or could not be kept. */
  readonly epochAfter: Epoch;
  readonly outcome: 'ok' | BrokerFailureCode;
}
