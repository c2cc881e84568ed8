import {
  clusterConfigToJson,
  parseClusterConfigJson,
  parseClusterName,
  parseNodeAddress,
  type ClusterConfig,
  type ClusterName,
  type Epoch,
  type NodeAddress,
} from '@undermoon/cluster-meta';
import { normalizeRanges, SLOT_COUNT, type SlotRange, type SlotRanges } from '@undermoon/slots';
import { z } from 'zod';
import { documentBy, mapOf } from './parse-payload.ts';
import {
  clusterNameSchema,
  countSchema,
  epochSchema,
  nodeAddressSchema,
  weightSchema,
  zoneSchema,
} from './primitives.ts';
import { clusterConfigShape } from './wire-shapes.ts';

/** The only format of the dump that is read and written. */
export const META_STORE_VERSION = 'mem-broker-0.2';

/** Which half of a chunk holds its masters. `Normal`: each half one. */
export type RolePosition = 'Normal' | 'FirstChunkMaster' | 'SecondChunkMaster';

/** A half of a chunk, and the slots it is responsible for. */
export type ChunkPart = 0 | 1;

/** Where a migration comes from and goes to, as positions: addresses follow from the current roles. */
export interface StoredMigrationMeta {
  readonly epoch: Epoch;
  readonly srcChunkIndex: number;
  readonly srcChunkPart: ChunkPart;
  readonly dstChunkIndex: number;
  readonly dstChunkPart: ChunkPart;
}

/** One copy of a planned migration: the source's (`isMigrating`) or the destination's. */
export interface StoredMigration {
  readonly ranges: SlotRanges;
  readonly isMigrating: boolean;
  /** Not shown to proxies until it is released. An addition to the original's dump, written where it is true. */
  readonly isHeld: boolean;
  readonly meta: StoredMigrationMeta;
}

/** Two proxies with two nodes each. Nodes 0 and 1 are behind proxy 0; the pairs are 0-3 and 1-2. */
export interface Chunk {
  readonly rolePosition: RolePosition;
  readonly stableSlots: readonly [SlotRanges | null, SlotRanges | null];
  readonly migratingSlots: readonly [readonly StoredMigration[], readonly StoredMigration[]];
  readonly proxyAddresses: readonly [NodeAddress, NodeAddress];
  readonly hosts: readonly [string, string];
  readonly nodeAddresses: readonly [NodeAddress, NodeAddress, NodeAddress, NodeAddress];
}

/** A cluster as it is stored. */
export interface StoredCluster {
  readonly name: ClusterName;
  readonly epoch: Epoch;
  readonly chunks: readonly Chunk[];
  readonly config: ClusterConfig;
  /** Held migrations are not released. An addition to the original's dump, written where it is true. */
  readonly isPaused: boolean;
}

/** A registered proxy. */
export interface StoredProxy {
  readonly proxyAddress: NodeAddress;
  readonly nodeAddresses: readonly [NodeAddress, NodeAddress];
  /** Fault domain. */
  readonly host: string;
  readonly index: number;
  readonly cluster: ClusterName | null;
  /** Halves of a chunk are in different zones. An addition to the original's dump, written where there is one. */
  readonly zone: string | null;
  /** Share of slots, against other proxies. An addition, written where it is not DEFAULT_WEIGHT. */
  readonly weight: number;
  /** Where clients reach it as a replica. An addition, written where there is one. */
  readonly replicaAddress: NodeAddress | null;
}

/** The weight of a proxy that was registered without one. */
export const DEFAULT_WEIGHT = 100;

/** The whole state of a broker. Immutable: a change makes a new one. */
export interface MetaStore {
  readonly globalEpoch: Epoch;
  readonly clusters: ReadonlyMap<ClusterName, StoredCluster>;
  readonly proxies: ReadonlyMap<NodeAddress, StoredProxy>;
  readonly failedProxies: ReadonlySet<NodeAddress>;
  /** Reported address to reporter to Unix seconds of the latest report. */
  readonly failures: ReadonlyMap<NodeAddress, ReadonlyMap<string, number>>;
  readonly enableOrderedProxy: boolean;
}

const slotSchema = z
  .int()
  .min(0)
  .max(SLOT_COUNT - 1);

const rangesSchema: z.ZodType<SlotRanges> = z
  .array(z.tuple([slotSchema, slotSchema]))
  .max(SLOT_COUNT)
  .transform((ranges: SlotRange[]) => normalizeRanges(ranges) ?? []);

const stableSlotsSchema = z
  .nullable(z.object({ range_list: rangesSchema, tag: z.literal('None') }))
  .transform((slots) => slots?.range_list ?? null);

const partSchema: z.ZodType<ChunkPart> = z.union([z.literal(0), z.literal(1)]);

const migrationSchema: z.ZodType<StoredMigration> = z
  .object({
    range_list: rangesSchema,
    is_migrating: z.boolean(),
    held: z.boolean().optional(),
    meta: z.object({
      epoch: epochSchema,
      src_chunk_index: countSchema,
      src_chunk_part: partSchema,
      dst_chunk_index: countSchema,
      dst_chunk_part: partSchema,
    }),
  })
  .transform((entry) => ({
    ranges: entry.range_list,
    isMigrating: entry.is_migrating,
    isHeld: entry.held ?? false,
    meta: {
      epoch: entry.meta.epoch,
      srcChunkIndex: entry.meta.src_chunk_index,
      srcChunkPart: entry.meta.src_chunk_part,
      dstChunkIndex: entry.meta.dst_chunk_index,
      dstChunkPart: entry.meta.dst_chunk_part,
    },
  }));

const migrationsSchema = z.array(migrationSchema).max(SLOT_COUNT);

const chunkSchema: z.ZodType<Chunk> = z
  .object({
    role_position: z.enum(['Normal', 'FirstChunkMaster', 'SecondChunkMaster']),
    stable_slots: z.tuple([stableSlotsSchema, stableSlotsSchema]),
    migrating_slots: z.tuple([migrationsSchema, migrationsSchema]),
    proxy_addresses: z.tuple([nodeAddressSchema, nodeAddressSchema]),
    hosts: z.tuple([z.string(), z.string()]),
    node_addresses: z.tuple([
      nodeAddressSchema,
      nodeAddressSchema,
      nodeAddressSchema,
      nodeAddressSchema,
    ]),
  })
  .transform((chunk) => ({
    rolePosition: chunk.role_position,
    stableSlots: chunk.stable_slots,
    migratingSlots: chunk.migrating_slots,
    proxyAddresses: chunk.proxy_addresses,
    hosts: chunk.hosts,
    nodeAddresses: chunk.node_addresses,
  }));

const storedClusterSchema: z.ZodType<StoredCluster> = z
  .object({
    epoch: epochSchema,
    name: clusterNameSchema,
    chunks: z.array(chunkSchema).max(SLOT_COUNT),
    config: documentBy(parseClusterConfigJson, clusterConfigShape),
    migrations_paused: z.boolean().optional(),
  })
  .transform(({ migrations_paused, ...cluster }) => ({
    ...cluster,
    isPaused: migrations_paused ?? false,
  }));

const storedProxySchema: z.ZodType<StoredProxy> = z
  .object({
    proxy_address: nodeAddressSchema,
    node_addresses: z.tuple([nodeAddressSchema, nodeAddressSchema]),
    host: z.string(),
    index: countSchema,
    cluster: z.nullable(clusterNameSchema).optional(),
    zone: zoneSchema.nullish(),
    weight: weightSchema.nullish(),
    replica_address: nodeAddressSchema.nullish(),
  })
  .transform((proxy) => ({
    proxyAddress: proxy.proxy_address,
    nodeAddresses: proxy.node_addresses,
    host: proxy.host,
    index: proxy.index,
    cluster: proxy.cluster ?? null,
    zone: proxy.zone ?? null,
    weight: proxy.weight ?? DEFAULT_WEIGHT,
    replicaAddress: proxy.replica_address ?? null,
  }));

/** The dump without its `version`, which is looked at first: another version has other members. */
export const metaStoreSchema: z.ZodType<MetaStore> = z
  .object({
    global_epoch: epochSchema,
    clusters: mapOf(parseClusterName, 'a cluster name', storedClusterSchema),
    all_proxies: mapOf(parseNodeAddress, 'a proxy address', storedProxySchema),
    failed_proxies: z.array(nodeAddressSchema),
    failures: mapOf(
      parseNodeAddress,
      'a proxy address',
      mapOf((key) => key, 'a reporter id', z.int()),
    ),
    enable_ordered_proxy: z.boolean(),
  })
  .transform((dump) => ({
    globalEpoch: dump.global_epoch,
    clusters: dump.clusters,
    proxies: dump.all_proxies,
    failedProxies: new Set(dump.failed_proxies),
    failures: dump.failures,
    enableOrderedProxy: dump.enable_ordered_proxy,
  }));

/** The `version` member of a dump, or null when there is none. */
export function metaStoreVersionOf(dump: unknown): string | null {
  if (typeof dump !== 'object' || dump === null || !('version' in dump)) return null;
  return typeof dump.version === 'string' ? dump.version : null;
}

/** The dump of a state (`GET /metadata`, files, standby brokers). Everything in it is sorted by name. */
export function metaStoreToJson(store: MetaStore): unknown {
  return {
    version: META_STORE_VERSION,
    global_epoch: store.globalEpoch,
    clusters: sortedObject(store.clusters, storedClusterToJson),
    all_proxies: sortedObject(store.proxies, storedProxyToJson),
    failed_proxies: [...store.failedProxies].toSorted(),
    failures: sortedObject(store.failures, (reports) => sortedObject(reports, (time) => time)),
    enable_ordered_proxy: store.enableOrderedProxy,
  };
}

function storedProxyToJson(proxy: StoredProxy): unknown {
  return {
    proxy_address: proxy.proxyAddress,
    node_addresses: proxy.nodeAddresses,
    host: proxy.host,
    index: proxy.index,
    cluster: proxy.cluster,
    ...(proxy.zone === null ? {} : { zone: proxy.zone }),
    ...(proxy.weight === DEFAULT_WEIGHT ? {} : { weight: proxy.weight }),
    ...(proxy.replicaAddress === null ? {} : { replica_address: proxy.replicaAddress }),
  };
}

function storedClusterToJson(cluster: StoredCluster): unknown {
  return {
    epoch: cluster.epoch,
    name: cluster.name,
    chunks: cluster.chunks.map((chunk) => ({
      role_position: chunk.rolePosition,
      stable_slots: chunk.stableSlots.map((ranges) =>
        ranges === null ? null : { range_list: ranges, tag: 'None' },
      ),
      migrating_slots: chunk.migratingSlots.map((entries) => entries.map(migrationToJson)),
      proxy_addresses: chunk.proxyAddresses,
      hosts: chunk.hosts,
      node_addresses: chunk.nodeAddresses,
    })),
    config: clusterConfigToJson(cluster.config),
    ...(cluster.isPaused ? { migrations_paused: true } : {}),
  };
}

function migrationToJson(entry: StoredMigration): unknown {
  return {
    range_list: entry.ranges,
    is_migrating: entry.isMigrating,
    ...(entry.isHeld ? { held: true } : {}),
    meta: {
      epoch: entry.meta.epoch,
      src_chunk_index: entry.meta.srcChunkIndex,
      src_chunk_part: entry.meta.srcChunkPart,
      dst_chunk_index: entry.meta.dstChunkIndex,
      dst_chunk_part: entry.meta.dstChunkPart,
    },
  };
}

// `Object.fromEntries` defines members, so that even the name `__proto__` comes out as one.
function sortedObject<K extends string, V>(
  map: ReadonlyMap<K, V>,
  toJson: (value: V) => unknown,
): Record<string, unknown> {
  const entries = [...map].toSorted(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key, toJson(value)]));
}
