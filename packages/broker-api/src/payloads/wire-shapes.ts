// The JSON forms that the parsers of `@undermoon/cluster-meta` read, for the description of the API. A test
// holds them against what a broker answers.

import { SLOT_COUNT } from '@undermoon/slots';
import { z } from 'zod';
import { clusterNameSchema, countSchema, epochSchema, nodeAddressSchema } from './primitives.ts';

const slot = z
  .int()
  .min(0)
  .max(SLOT_COUNT - 1);

const migrationMeta = z
  .object({
    epoch: epochSchema,
    src_proxy_address: nodeAddressSchema,
    src_node_address: nodeAddressSchema,
    dst_proxy_address: nodeAddressSchema,
    dst_node_address: nodeAddressSchema,
  })
  .meta({ id: 'MigrationMeta' });

const slotRange = z
  .object({
    range_list: z
      .array(z.tuple([slot, slot]))
      .meta({ description: 'Ranges of slots, both ends included.' }),
    tag: z.union([
      z.literal('None'),
      z.object({ Migrating: migrationMeta }),
      z.object({ Importing: migrationMeta }),
    ]),
  })
  .meta({ id: 'SlotRange' });

export const clusterConfigShape: z.ZodType = z
  .object({
    compression_strategy: z.enum(['disabled', 'set_get_only', 'allow_all']),
    migration_config: z.object({
      max_migration_time: countSchema.meta({ description: 'Seconds.' }),
      max_blocking_time: countSchema.meta({ description: 'Milliseconds.' }),
      scan_interval: countSchema.meta({ description: 'Microseconds.' }),
      scan_count: z.int().min(1),
    }),
    split_commands: z
      .boolean()
      .optional()
      .meta({ description: 'Cluster clients may send some commands over keys of several slots.' }),
  })
  .meta({ id: 'ClusterConfig' });

export const nodeShape: z.ZodType = z
  .object({
    address: nodeAddressSchema,
    proxy_address: nodeAddressSchema,
    slots: z.array(slotRange),
    repl: z.object({
      role: z.enum(['master', 'replica']),
      peers: z.array(
        z.object({ node_address: nodeAddressSchema, proxy_address: nodeAddressSchema }),
      ),
    }),
  })
  .meta({ id: 'Node' });

const listedReplicaShape = z
  .object({ master: nodeAddressSchema, address: nodeAddressSchema })
  .meta({ id: 'ListedReplica' });

export const clusterShape: z.ZodType = z
  .object({
    name: clusterNameSchema,
    epoch: epochSchema,
    nodes: z.array(nodeShape).meta({ description: 'In chunk order, four of each chunk.' }),
    replicas: z.array(listedReplicaShape).optional().meta({
      description: 'Addresses that clients find as replicas. Left out without `replica_addresses`.',
    }),
    replica_addresses: z
      .array(z.object({ proxy_address: nodeAddressSchema, replica_address: nodeAddressSchema }))
      .optional()
      .meta({ description: 'As registered, in chunk order. Left out when empty.' }),
    config: clusterConfigShape,
  })
  .meta({ id: 'Cluster' });

export const proxyShape: z.ZodType = z
  .object({
    cluster_name: z.nullable(clusterNameSchema),
    address: nodeAddressSchema,
    replica_address: nodeAddressSchema
      .optional()
      .meta({ description: 'Left out where the proxy was registered without one.' }),
    epoch: epochSchema,
    nodes: z.array(nodeShape),
    peers: z.array(z.object({ proxy_address: nodeAddressSchema, slots: z.array(slotRange) })),
    replicas: z
      .array(listedReplicaShape)
      .optional()
      .meta({ description: 'All of the cluster, where the proxy has a `replica_address`.' }),
    cluster_config: z.nullable(clusterConfigShape),
  })
  .meta({ id: 'Proxy' });

export const migrationTaskShape: z.ZodType = z
  .object({
    cluster_name: clusterNameSchema,
    slot_range: slotRange,
  })
  .meta({ id: 'MigrationTask' });
