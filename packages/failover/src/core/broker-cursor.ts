import type { Epoch } from '@undermoon/cluster-meta';

/** What is known up to here, and the history of which broker that belongs to. */
export interface BrokerCursor {
  readonly epoch: Epoch;
  readonly stream: string;
}
