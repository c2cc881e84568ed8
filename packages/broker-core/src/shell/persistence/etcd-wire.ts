import { z } from 'zod';

// The JSON form of etcd's v3 API: keys and values in base64, 64-bit numbers as texts, and what is zero, false
// or empty left out.

/** A comparison of a transaction. */
export type EtcdCompare = {
  readonly key: string;
  readonly result: 'EQUAL';
} & (
  | { readonly target: 'CREATE'; readonly create_revision: string }
  | { readonly target: 'MOD'; readonly mod_revision: string }
);

/** A step of a transaction. */
export type EtcdOperation =
  | {
      readonly request_put: {
        readonly key: string;
        readonly value: string;
        readonly lease?: string;
      };
    }
  | {
      readonly request_range: {
        readonly key: string;
        readonly range_end?: string;
        readonly min_mod_revision?: string;
      };
    };

/** A transaction. */
export interface EtcdTransaction {
  readonly compare: readonly EtcdCompare[];
  readonly success: readonly EtcdOperation[];
  readonly failure: readonly EtcdOperation[];
}

/** A key and what it holds. */
export interface EtcdEntry {
  readonly key: string;
  readonly value: Buffer;
  readonly createRevision: string;
  readonly modRevision: string;
}

/** What a transaction answered. Reads are in the order of their operations; writes have none. */
export interface EtcdAnswer {
  readonly clusterId: string;
  readonly revision: string;
  readonly succeeded: boolean;
  readonly reads: readonly (readonly EtcdEntry[])[];
}

const revision = z.string().regex(/^\d{1,19}$/);

const entrySchema: z.ZodType<EtcdEntry> = z
  .object({
    key: z.string(),
    value: z.string().default(''),
    create_revision: revision,
    mod_revision: revision,
  })
  .transform((entry) => ({
    key: Buffer.from(entry.key, 'base64').toString(),
    value: Buffer.from(entry.value, 'base64'),
    createRevision: entry.create_revision,
    modRevision: entry.mod_revision,
  }));

/** The answer to a transaction. */
export const transactionSchema: z.ZodType<EtcdAnswer> = z
  .object({
    header: z.object({ cluster_id: z.string(), revision }),
    succeeded: z.boolean().default(false),
    responses: z
      .array(
        z.object({
          response_range: z.object({ kvs: z.array(entrySchema).default([]) }).optional(),
        }),
      )
      .default([]),
  })
  .transform(({ header, succeeded, responses }) => ({
    clusterId: header.cluster_id,
    revision: header.revision,
    succeeded,
    reads: responses.flatMap(({ response_range: range }) =>
      range === undefined ? [] : [range.kvs],
    ),
  }));

/** The answer to the grant of a lease: its id. */
export const leaseSchema: z.ZodType<string> = z
  .object({ ID: z.string().regex(/^\d{1,19}$/) })
  .transform(({ ID }) => ID);

/** The answer to an authentication: a token for the header of requests. */
export const tokenSchema: z.ZodType<string> = z
  .object({ token: z.string().min(1) })
  .transform(({ token }) => token);

/** The answer to a keep-alive: the seconds that are left; 0 for a lease that is gone. */
export const keepAliveSchema: z.ZodType<number> = z
  .object({ result: z.object({ TTL: z.coerce.number().default(0) }) })
  .transform(({ result }) => result.TTL);

/** The text form of a key or value. */
export function base64(value: string | Buffer): string {
  return Buffer.from(value).toString('base64');
}

/** The end of the range of all keys that begin with `prefix`, which ends in a character below U+007F. */
export function endOfPrefix(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}
