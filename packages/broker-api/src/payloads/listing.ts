import type { ClusterName, NodeAddress } from '@undermoon/cluster-meta';
import { z } from 'zod';
import { clusterNameSchema, nodeAddressSchema } from './primitives.ts';

/** Which part of a sorted listing to return. A null limit means all of it. */
export interface Page {
  readonly offset: number;
  readonly limit: number | null;
}

/** `{"names": [...]}` */
export interface ClusterNamesPayload {
  readonly names: readonly ClusterName[];
}

/** `{"addresses": [...]}`: of proxies, of failed proxies, of reported proxies. */
export interface AddressesPayload {
  readonly addresses: readonly NodeAddress[];
}

/** Reads `{"names": [...]}`. */
export const clusterNamesSchema: z.ZodType<ClusterNamesPayload> = z.object({
  names: z.array(clusterNameSchema),
});

/** Reads `{"addresses": [...]}`. */
export const addressesSchema: z.ZodType<AddressesPayload> = z.object({
  addresses: z.array(nodeAddressSchema),
});

const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, 'expected a whole number')
  .transform(Number);

/** The `offset` and `limit` of a query string, as decoded text. */
export const pageSchema: z.ZodType<Page> = z
  .object({ offset: wholeNumber.optional(), limit: wholeNumber.optional() })
  .transform(({ offset, limit }) => ({ offset: offset ?? 0, limit: limit ?? null }));
