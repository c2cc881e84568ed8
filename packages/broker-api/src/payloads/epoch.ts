import type { Epoch, NodeAddress } from '@undermoon/cluster-meta';
import { z } from 'zod';
import { epochSchema, nodeAddressSchema } from './primitives.ts';

/** Proxies that could not be asked for their epoch during a recovery. */
export interface EpochRecovery {
  readonly failedAddresses: readonly NodeAddress[];
}

/** The body of `GET /epoch`: a bare JSON number. */
export const epochPayloadSchema: z.ZodType<Epoch> = epochSchema;

/** Reads `{"failed_addresses": [...]}`. */
export const epochRecoverySchema: z.ZodType<EpochRecovery> = z
  .object({ failed_addresses: z.array(nodeAddressSchema) })
  .transform((recovery) => ({ failedAddresses: recovery.failed_addresses }));

/** The wire form of `EpochRecovery`. */
export function epochRecoveryToJson(recovery: EpochRecovery): unknown {
  return { failed_addresses: recovery.failedAddresses };
}
