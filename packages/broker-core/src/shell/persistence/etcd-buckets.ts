import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import {
  epochSchema,
  metaStoreSchema,
  metaStoreToJson,
  parsePayload,
  type MetaStore,
  type StoredCluster,
  type StoredProxy,
} from '@undermoon/broker-api';
import type { ClusterName, Epoch, NodeAddress } from '@undermoon/cluster-meta';
import { z } from 'zod';
import { emptyStore } from '../../core/model.ts';
import { BrokerError } from '../../errors.ts';

// The state is spread over keys, so that a change writes little, and a large state does not meet etcd's limit
// of one request: each cluster, and each proxy with its failure marks, is in the bucket that the hash of its
// name says. What belongs to the whole is in the head, which every change writes.
//
//   <prefix>head          {"format":1,"buckets":64,"epoch":…,"enable_ordered_proxy":…,"writer":…}
//   <prefix>bucket/00…63  compressed JSON in the form of a dump
//
// All keys of a change are written by one transaction. At most 128 operations fit into one (etcd's default).

const gzipAsync = promisify(gzip);
const gunzipAsync = promisify(gunzip);

/** How many buckets there are. */
const BUCKETS = 64;
const FORMAT = 1;

/** The key of the head after the prefix. */
export const HEAD_KEY = 'head';
/** What the keys of buckets begin with after the prefix. */
export const BUCKET_PREFIX = 'bucket/';

/** What the head holds. */
export interface StateHead {
  readonly globalEpoch: Epoch;
  readonly enableOrderedProxy: boolean;
  /** Names the write that made it, so that a writer which got no answer can tell its own. */
  readonly writeId: string;
}

/** The part of a state that one bucket holds. */
export type Bucket = Pick<MetaStore, 'clusters' | 'proxies' | 'failedProxies' | 'failures'>;

const headSchema: z.ZodType<StateHead> = z
  .object({
    format: z.literal(FORMAT, { error: `another format than ${FORMAT}` }),
    buckets: z.literal(BUCKETS),
    epoch: epochSchema,
    enable_ordered_proxy: z.boolean(),
    writer: z.string(),
  })
  .transform((head) => ({
    globalEpoch: head.epoch,
    enableOrderedProxy: head.enable_ordered_proxy,
    writeId: head.writer,
  }));

export function encodeHead(head: StateHead): string {
  return JSON.stringify({
    format: FORMAT,
    buckets: BUCKETS,
    epoch: head.globalEpoch,
    enable_ordered_proxy: head.enableOrderedProxy,
    writer: head.writeId,
  });
}

/** Throws STORE_DAMAGED. */
export function decodeHead(bytes: Buffer): StateHead {
  return decode(bytes.toString(), headSchema, HEAD_KEY);
}

export function encodeBucket(bucket: Bucket): Promise<Buffer> {
  const dump = metaStoreToJson({ ...emptyStore(false), ...bucket });
  return gzipAsync(JSON.stringify(dump), { level: constants.Z_BEST_SPEED });
}

/** Throws STORE_DAMAGED. */
export async function decodeBucket(bytes: Buffer, bytesMax: number): Promise<Bucket> {
  let text: string;
  try {
    text = (await gunzipAsync(bytes, { maxOutputLength: bytesMax })).toString();
  } catch (cause) {
    throw new BrokerError('STORE_DAMAGED', 'a bucket in etcd is not compressed data', { cause });
  }
  return decode(text, metaStoreSchema, BUCKET_PREFIX);
}

/** The key of a bucket after the prefix. */
export function bucketKey(index: number): string {
  return `${BUCKET_PREFIX}${String(index).padStart(2, '0')}`;
}

/** The buckets in which two states differ. What did not change is the same object in both. */
export function changedBuckets(before: MetaStore | null, after: MetaStore): ReadonlySet<number> {
  const changed = new Set<number>();
  if (before === null) return new Set(Array.from({ length: BUCKETS }, (_, index) => index));
  const compare = <V>(old: ReadonlyMap<string, V>, now: ReadonlyMap<string, V>): void => {
    for (const [key, value] of now) if (old.get(key) !== value) changed.add(bucketOf(key));
    for (const key of old.keys()) if (!now.has(key)) changed.add(bucketOf(key));
  };
  compare(before.clusters, after.clusters);
  compare(before.proxies, after.proxies);
  compare(before.failures, after.failures);
  const failed = [...after.failedProxies, ...before.failedProxies];
  for (const key of failed) {
    if (after.failedProxies.has(key) !== before.failedProxies.has(key)) changed.add(bucketOf(key));
  }
  return changed;
}

/** The contents of these buckets in a state. */
export function splitState(state: MetaStore, indexes: ReadonlySet<number>): Map<number, Bucket> {
  const split = new Map([...indexes].map((index) => [index, new MutableBucket()]));
  for (const [name, cluster] of state.clusters)
    split.get(bucketOf(name))?.clusters.set(name, cluster);
  for (const [address, proxy] of state.proxies) {
    split.get(bucketOf(address))?.proxies.set(address, proxy);
  }
  for (const [address, reports] of state.failures) {
    split.get(bucketOf(address))?.failures.set(address, reports);
  }
  for (const address of state.failedProxies)
    split.get(bucketOf(address))?.failedProxies.add(address);
  return split;
}

/** The state out of its head and its buckets. */
export function joinState(head: StateHead, buckets: Iterable<Bucket>): MetaStore {
  const { clusters, proxies, failedProxies, failures } = new MutableBucket();
  for (const bucket of buckets) {
    for (const [name, cluster] of bucket.clusters) clusters.set(name, cluster);
    for (const [address, proxy] of bucket.proxies) proxies.set(address, proxy);
    for (const [address, reports] of bucket.failures) failures.set(address, reports);
    for (const address of bucket.failedProxies) failedProxies.add(address);
  }
  const { globalEpoch, enableOrderedProxy } = head;
  return { globalEpoch, enableOrderedProxy, clusters, proxies, failedProxies, failures };
}

class MutableBucket implements Bucket {
  readonly clusters = new Map<ClusterName, StoredCluster>();
  readonly proxies = new Map<NodeAddress, StoredProxy>();
  readonly failedProxies = new Set<NodeAddress>();
  readonly failures = new Map<NodeAddress, ReadonlyMap<string, number>>();
}

function decode<T>(text: string, schema: z.ZodType<T>, key: string): T {
  const parsed = parsePayload(schema, parseJson(text));
  if (parsed.ok) return parsed.value;
  throw new BrokerError(
    'STORE_DAMAGED',
    `what etcd holds at ${key} is not usable: ${parsed.message}`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

// FNV-1a. It decides where things are, so it stays as it is.
function bucketOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % BUCKETS;
}
