import {
  parseEpoch,
  type ClusterName,
  type Epoch,
  type NodeAddress,
} from '@undermoon/cluster-meta';
import { z } from 'zod';
import { parsedBy } from './parse-payload.ts';
import { clusterNameSchema, epochSchema, nodeAddressSchema } from './primitives.ts';

/** Where a watcher stands: the epoch it knows everything up to, and the stream that epoch belongs to. */
export interface WatchCursor {
  readonly epoch: Epoch;
  /** Names one uninterrupted history of one broker. Null: not known; then only the epoch is compared. */
  readonly stream: string | null;
}

/** What changed between a cursor and `epoch`. The next cursor is `{ epoch, stream }`. */
export interface WatchChanges {
  readonly stream: string;
  readonly epoch: Epoch;
  /** The broker cannot say what changed: everything is to be read again. The lists are empty then. */
  readonly isResync: boolean;
  /** Clusters that were made or changed. */
  readonly clusters: readonly ClusterName[];
  readonly removedClusters: readonly ClusterName[];
  /** Proxies that were registered, joined or left a cluster, failed or recovered. */
  readonly proxies: readonly NodeAddress[];
  readonly removedProxies: readonly NodeAddress[];
}

/** The query of a watch: a cursor, and how long to wait for a change. */
export interface WatchQuery {
  /** Null: none yet, which is answered at once with a resync. */
  readonly since: WatchCursor | null;
  /** Null: the broker's default. */
  readonly waitMs: number | null;
}

/** Reads what a watch answered. */
export const watchChangesSchema: z.ZodType<WatchChanges> = z
  .object({
    stream: z.string().min(1).max(64),
    epoch: epochSchema,
    resync: z.boolean(),
    clusters: z.array(clusterNameSchema),
    removed_clusters: z.array(clusterNameSchema),
    proxies: z.array(nodeAddressSchema),
    removed_proxies: z.array(nodeAddressSchema),
  })
  .transform((changes) => ({
    stream: changes.stream,
    epoch: changes.epoch,
    isResync: changes.resync,
    clusters: changes.clusters,
    removedClusters: changes.removed_clusters,
    proxies: changes.proxies,
    removedProxies: changes.removed_proxies,
  }));

const epochTextSchema = parsedBy(
  (value) => (typeof value === 'string' ? parseEpoch(value) : null),
  `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
  { type: 'string', pattern: '^[0-9]{1,16}$' },
);
const wholeText = z.string().regex(/^\d{1,15}$/, 'expected a whole number');

/** The `since`, `stream` and `wait_ms` of a query string, as decoded text. */
export const watchQuerySchema: z.ZodType<WatchQuery> = z
  .object({
    since: epochTextSchema.optional(),
    stream: z.string().min(1).max(64).optional(),
    wait_ms: wholeText.transform(Number).optional(),
  })
  .transform(({ since, stream, wait_ms: waitMs }) => ({
    since: since === undefined ? null : { epoch: since, stream: stream ?? null },
    waitMs: waitMs ?? null,
  }));

/** The wire form of `WatchChanges`. */
export function watchChangesToJson(changes: WatchChanges): unknown {
  return {
    stream: changes.stream,
    epoch: changes.epoch,
    resync: changes.isResync,
    clusters: changes.clusters,
    removed_clusters: changes.removedClusters,
    proxies: changes.proxies,
    removed_proxies: changes.removedProxies,
  };
}
