import {
  clusterNameSchema,
  countSchema,
  epochSchema,
  metaStoreSchema,
  metaStoreToJson,
  migrationTaskSchema,
  nodeAddressSchema,
  parsePayload,
  weightSchema,
  zoneSchema,
  type PayloadOutcome,
} from '@undermoon/broker-api';
import {
  clusterConfigToJson,
  migrationTaskToJson,
  parseClusterConfigJson,
  type ClusterConfig,
} from '@undermoon/cluster-meta';
import { z } from 'zod';
import type { ApplyContext, StoreCommand } from './command.ts';

type CommandOf<K extends StoreCommand['kind']> = Extract<StoreCommand, { readonly kind: K }>;

// One row for each kind: a command without one could be carried out but not replayed.
const SCHEMAS: { readonly [K in StoreCommand['kind']]: z.ZodType<CommandOf<K>> } = {
  'add-proxy': z.object({
    kind: z.literal('add-proxy'),
    address: nodeAddressSchema,
    nodeAddresses: z.tuple([nodeAddressSchema, nodeAddressSchema]),
    host: z.string(),
    index: z.nullable(countSchema),
    zone: z.nullable(zoneSchema),
    weight: z.nullable(weightSchema),
    // Logs of earlier versions have none.
    replicaAddress: z.nullable(nodeAddressSchema).default(null),
  }),
  'remove-proxy': z.object({ kind: z.literal('remove-proxy'), address: nodeAddressSchema }),
  'create-cluster': z.object({
    kind: z.literal('create-cluster'),
    name: clusterNameSchema,
    nodeNumber: z.number(),
  }),
  'delete-cluster': z.object({ kind: z.literal('delete-cluster'), name: clusterNameSchema }),
  'change-config': z.object({
    kind: z.literal('change-config'),
    name: clusterNameSchema,
    changes: z.array(z.tuple([z.string(), z.string()])),
  }),
  balance: z.object({
    kind: z.literal('balance'),
    name: clusterNameSchema,
    inStep: z.array(nodeAddressSchema).optional(),
  }),
  'add-nodes': z.object({
    kind: z.literal('add-nodes'),
    name: clusterNameSchema,
    nodeNumber: z.number(),
  }),
  'add-nodes-up-to': z.object({
    kind: z.literal('add-nodes-up-to'),
    name: clusterNameSchema,
    nodeNumber: z.number(),
  }),
  'delete-free-nodes': z.object({
    kind: z.literal('delete-free-nodes'),
    name: clusterNameSchema,
  }),
  expand: z.object({ kind: z.literal('expand'), name: clusterNameSchema }),
  shrink: z.object({
    kind: z.literal('shrink'),
    name: clusterNameSchema,
    nodeNumber: z.number(),
  }),
  rebalance: z.object({ kind: z.literal('rebalance'), name: clusterNameSchema }),
  scale: z.object({
    kind: z.literal('scale'),
    name: clusterNameSchema,
    nodeNumber: z.number(),
  }),
  'pause-migrations': z.object({
    kind: z.literal('pause-migrations'),
    name: clusterNameSchema,
  }),
  'resume-migrations': z.object({
    kind: z.literal('resume-migrations'),
    name: clusterNameSchema,
  }),
  'cancel-migrations': z.object({
    kind: z.literal('cancel-migrations'),
    name: clusterNameSchema,
    agreed: z.array(migrationTaskSchema).optional(),
  }),
  'commit-migration': z.object({
    kind: z.literal('commit-migration'),
    task: migrationTaskSchema,
  }),
  'report-failure': z.object({
    kind: z.literal('report-failure'),
    address: nodeAddressSchema,
    reporterId: z.string(),
  }),
  'withdraw-report': z.object({
    kind: z.literal('withdraw-report'),
    address: nodeAddressSchema,
    reporterId: z.string(),
  }),
  'purge-failures': z.object({ kind: z.literal('purge-failures') }),
  failover: z.object({ kind: z.literal('failover'), address: nodeAddressSchema }),
  'set-epoch': z.object({ kind: z.literal('set-epoch'), epoch: epochSchema }),
  'recover-epoch': z.object({ kind: z.literal('recover-epoch'), proxyEpochMax: epochSchema }),
  restore: z.object({ kind: z.literal('restore'), store: metaStoreSchema }),
};

const clusterConfigSchema: z.ZodType<ClusterConfig> = z
  .unknown()
  .transform((value, context): ClusterConfig => {
    const parsed = parseClusterConfigJson(value);
    if (parsed.ok) return parsed.value;
    context.addIssue({ code: 'custom', message: parsed.message });
    return z.NEVER;
  });

const contextSchema: z.ZodType<ApplyContext> = z.object({
  nowSeconds: z.number(),
  failureTtlSeconds: z.number(),
  failureQuorum: z.number(),
  defaultClusterConfig: clusterConfigSchema,
  migrationLimit: z.number(),
  hostMigrationLimit: z.number(),
});

/** The form in which a command is logged. */
export function commandToJson(command: StoreCommand): unknown {
  switch (command.kind) {
    case 'commit-migration':
      return { ...command, task: migrationTaskToJson(command.task) };
    case 'cancel-migrations':
      return command.agreed === undefined
        ? command
        : { ...command, agreed: command.agreed.map(migrationTaskToJson) };
    case 'restore':
      return { ...command, store: metaStoreToJson(command.store) };
    default:
      return command;
  }
}

/** Reads a logged command. */
export function parseCommand(value: unknown): PayloadOutcome<StoreCommand> {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : null;
  if (typeof kind === 'string' && isKind(kind)) {
    return parsePayload<StoreCommand>(SCHEMAS[kind], value);
  }
  const message = `kind: ${JSON.stringify(kind)} is not a command`;
  return { ok: false, code: 'INVALID_BODY', message, field: 'kind' };
}

/** The form in which a context is logged. */
export function contextToJson(context: ApplyContext): unknown {
  return { ...context, defaultClusterConfig: clusterConfigToJson(context.defaultClusterConfig) };
}

/** Reads a logged context. */
export function parseContext(value: unknown): PayloadOutcome<ApplyContext> {
  return parsePayload(contextSchema, value);
}

function isKind(kind: string): kind is StoreCommand['kind'] {
  return Object.hasOwn(SCHEMAS, kind);
}
