import type { ClusterName, Epoch, NodeAddress } from '@undermoon/cluster-meta';
import { z } from 'zod';
import { parsePayload } from './parse-payload.ts';
import { clusterNameSchema, countSchema, epochSchema, nodeAddressSchema } from './primitives.ts';

/** One mutation in the audit log. */
export interface AuditEntry {
  /** Counts up; never used twice by one log. */
  readonly id: number;
  /** Unix milliseconds. */
  readonly time: number;
  /** What was asked for, e.g. `create-cluster`. */
  readonly command: string;
  readonly cluster: ClusterName | null;
  readonly proxy: NodeAddress | null;
  /** Who reported a failure. */
  readonly reporter: string | null;
  /** What else was asked for, as `name=value` pairs; null where there is nothing, and in entries of earlier versions. */
  readonly detail: string | null;
  /** `ok`, or the error code. */
  readonly outcome: string;
  readonly epochBefore: Epoch;
  readonly epochAfter: Epoch;
  /** Of the HTTP request; all null for what the broker did by itself. */
  readonly requestId: string | null;
  readonly remoteAddress: string | null;
  readonly userAgent: string | null;
}

/** A page of the audit log, the newest entry first. */
export interface AuditPayload {
  readonly entries: readonly AuditEntry[];
}

/** Which entries to list. Null: no matter. */
export interface AuditQuery {
  /** At most this many, the newest ones; 1 to 1000. */
  readonly limit: number;
  /** Unix milliseconds: entries of this time and later. */
  readonly since: number | null;
  /** Entries older than the one with this id, for the next page. */
  readonly before: number | null;
  readonly cluster: ClusterName | null;
  readonly proxy: NodeAddress | null;
  readonly command: string | null;
  readonly outcome: string | null;
}

/** Entries of one page unless the query says otherwise. */
const LIMIT = 100;
const LIMIT_MAX = 1000;

/** Characters that one text of an entry has at most. */
export const AUDIT_TEXT_LENGTH_MAX = 512;

const text = z.string().max(AUDIT_TEXT_LENGTH_MAX);

/** Reads one entry. */
export const auditEntrySchema: z.ZodType<AuditEntry> = z
  .object({
    id: countSchema,
    time: countSchema,
    command: text,
    cluster: z.nullable(clusterNameSchema),
    proxy: z.nullable(nodeAddressSchema),
    reporter: z.nullable(text),
    detail: z.nullable(text).optional(),
    outcome: text,
    epoch_before: epochSchema,
    epoch_after: epochSchema,
    request_id: z.nullable(text),
    remote_address: z.nullable(text),
    user_agent: z.nullable(text),
  })
  .transform((entry) => ({
    id: entry.id,
    time: entry.time,
    command: entry.command,
    cluster: entry.cluster,
    proxy: entry.proxy,
    reporter: entry.reporter,
    detail: entry.detail ?? null,
    outcome: entry.outcome,
    epochBefore: entry.epoch_before,
    epochAfter: entry.epoch_after,
    requestId: entry.request_id,
    remoteAddress: entry.remote_address,
    userAgent: entry.user_agent,
  }));

/** Reads `{"entries": [...]}`. */
export const auditPayloadSchema: z.ZodType<AuditPayload> = z.object({
  entries: z.array(auditEntrySchema).max(LIMIT_MAX),
});

const wholeText = z
  .string()
  .regex(/^\d{1,15}$/, 'expected a whole number')
  .transform(Number);

/** The query of a listing, as decoded text. */
export const auditQuerySchema: z.ZodType<AuditQuery> = z
  .object({
    limit: wholeText
      .refine((limit) => limit >= 1 && limit <= LIMIT_MAX, `expected 1 to ${LIMIT_MAX}`)
      .optional(),
    since: wholeText.optional(),
    before: wholeText.optional(),
    cluster: clusterNameSchema.optional(),
    proxy: nodeAddressSchema.optional(),
    command: text.optional(),
    outcome: text.optional(),
  })
  .transform((query) => ({
    limit: query.limit ?? LIMIT,
    since: query.since ?? null,
    before: query.before ?? null,
    cluster: query.cluster ?? null,
    proxy: query.proxy ?? null,
    command: query.command ?? null,
    outcome: query.outcome ?? null,
  }));

/** The wire form of one entry. */
export function auditEntryToJson(entry: AuditEntry): unknown {
  return {
    id: entry.id,
    time: entry.time,
    command: entry.command,
    cluster: entry.cluster,
    proxy: entry.proxy,
    reporter: entry.reporter,
    detail: entry.detail,
    outcome: entry.outcome,
    epoch_before: entry.epochBefore,
    epoch_after: entry.epochAfter,
    request_id: entry.requestId,
    remote_address: entry.remoteAddress,
    user_agent: entry.userAgent,
  };
}

/** An entry out of decoded JSON; null when it is none. */
export function parseAuditEntry(value: unknown): AuditEntry | null {
  const parsed = parsePayload(auditEntrySchema, value);
  return parsed.ok ? parsed.value : null;
}
