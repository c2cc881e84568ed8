import type { NodeAddress } from '@undermoon/cluster-meta';
import { z } from 'zod';
import { nodeAddressSchema } from './primitives.ts';

/** What can be changed in a running broker: the brokers that its dump is pushed to. */
export interface BrokerConfig {
  readonly replicaAddresses: readonly NodeAddress[];
}

/** Reads `{"replica_addresses": [...]}`; at most 64 of them. */
export const brokerConfigSchema: z.ZodType<BrokerConfig> = z
  .object({ replica_addresses: z.array(nodeAddressSchema).max(64) })
  .transform((config) => ({ replicaAddresses: config.replica_addresses }));

/** The wire form of `BrokerConfig`. */
export function brokerConfigToJson(config: BrokerConfig): unknown {
  return { replica_addresses: config.replicaAddresses };
}
