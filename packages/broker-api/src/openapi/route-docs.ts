import { z } from 'zod';
import type { BrokerErrorCode } from '../codes.ts';
import { auditPayloadSchema, auditQuerySchema } from '../payloads/audit.ts';
import { brokerConfigSchema } from '../payloads/broker-config.ts';
import {
  clusterInfoSchema,
  clusterSchema,
  configChangesSchema,
  createClusterSchema,
} from '../payloads/cluster.ts';
import { epochPayloadSchema, epochRecoverySchema } from '../payloads/epoch.ts';
import { addressesSchema, clusterNamesSchema, pageSchema } from '../payloads/listing.ts';
import { META_STORE_VERSION, metaStoreSchema } from '../payloads/meta-store.ts';
import { clusterMigrationsSchema, migrationTaskSchema } from '../payloads/migration.ts';
import { addProxySchema, proxySchema } from '../payloads/proxy.ts';
import { resourceCheckSchema } from '../payloads/resource-check.ts';
import {
  addNodesSchema,
  addNodesUpToSchema,
  clusterPlanSchema,
  dryRunSchema,
  forceSchema,
  nodesSchema,
} from '../payloads/scale.ts';
import { watchChangesSchema, watchQuerySchema } from '../payloads/watch.ts';
import type { BrokerRouteName } from '../routes.ts';

/** What a 200 has for a body. */
export type AnswerDoc =
  | { readonly kind: 'empty' }
  | { readonly kind: 'json'; readonly schema: z.ZodType }
  /** JSON, or nothing. */
  | { readonly kind: 'json-or-empty'; readonly schema: z.ZodType }
  | { readonly kind: 'text'; readonly type: string }
  /** JSON, or a stream of events with such JSON as their data. */
  | { readonly kind: 'json-or-events'; readonly schema: z.ZodType };

/** What the description of the API says about a route. */
export interface RouteDoc {
  readonly tag: 'broker' | 'clusters' | 'migrations' | 'proxies' | 'failures';
  readonly summary: string;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly answer: AnswerDoc;
  /** Codes that are this route's own; those that follow from its form are added. */
  readonly codes: readonly BrokerErrorCode[];
  /** Answers 304 to a client that has the content already. */
  readonly isTagged?: true;
  /** Changes the store. */
  readonly isMutation?: true;
}

const EMPTY: AnswerDoc = { kind: 'empty' };
const json = (schema: z.ZodType): AnswerDoc => ({ kind: 'json', schema });
const plain = (type: string): AnswerDoc => ({ kind: 'text', type });

const statusSchema = z.object({ status: z.enum(['ok', 'ready']) });
const dumpSchema = z.intersection(
  z.object({ version: z.literal(META_STORE_VERSION) }),
  metaStoreSchema,
);
// A preview of what changes nothing has no plan.
const planSchema = z.union([clusterPlanSchema, z.object({ plan: z.null() })]);
const nodesOrPlan: AnswerDoc = {
  kind: 'json-or-empty',
  schema: z.union([nodesSchema, planSchema]),
};
const planOrEmpty: AnswerDoc = { kind: 'json-or-empty', schema: planSchema };

const CLUSTER_CODES = ['INVALID_CLUSTER_NAME', 'CLUSTER_NOT_FOUND'] as const;
const ALLOCATION_CODES = [
  'INVALID_NODE_NUMBER',
  'NO_AVAILABLE_RESOURCE',
  'RESOURCE_NOT_BALANCE',
  'PROXY_RESOURCE_OUT_OF_ORDER',
] as const;
const ABOUT_REPORT = {
  tag: 'failures',
  answer: EMPTY,
  codes: ['PROXY_NOT_FOUND'],
  isMutation: true,
} as const;
const SCALE_CODES = [...CLUSTER_CODES, 'MIGRATION_RUNNING', 'NODE_NUMBER_CHANGING'] as const;

/** Every route. A route without a row does not compile. */
export const ROUTE_DOCS: Readonly<Record<BrokerRouteName, RouteDoc>> = {
  health: { tag: 'broker', summary: 'The process runs.', answer: json(statusSchema), codes: [] },
  ready: {
    tag: 'broker',
    summary:
      'The broker takes requests: it does not stop, its storage works, and some broker leads.',
    answer: json(statusSchema),
    codes: ['NOT_READY', 'SHUTTING_DOWN'],
  },
  metrics: {
    tag: 'broker',
    summary: 'Metrics in the text format of Prometheus.',
    answer: plain('text/plain'),
    codes: [],
  },
  openApi: {
    tag: 'broker',
    summary: 'This document.',
    answer: json(z.record(z.string(), z.unknown())),
    codes: [],
    isTagged: true,
  },
  version: {
    tag: 'broker',
    summary: 'The version whose HTTP API this is.',
    answer: plain('text/plain'),
    codes: [],
  },
  metadata: {
    tag: 'broker',
    summary: 'The whole state.',
    answer: json(dumpSchema),
    codes: [],
    isTagged: true,
  },
  restoreMetadata: {
    tag: 'broker',
    summary: 'Replaces the whole state.',
    body: dumpSchema,
    answer: EMPTY,
    codes: ['INVALID_META_VERSION', 'EPOCH_SMALLER_THAN_CURRENT'],
    isMutation: true,
  },
  clusterNames: {
    tag: 'clusters',
    summary: 'Names of all clusters, sorted.',
    query: pageSchema,
    answer: json(clusterNamesSchema),
    codes: [],
  },
  cluster: {
    tag: 'clusters',
    summary: 'A cluster, or null.',
    answer: json(clusterSchema),
    codes: [],
    isTagged: true,
  },
  createCluster: {
    tag: 'clusters',
    summary: 'Makes a cluster out of free proxies.',
    body: createClusterSchema,
    answer: EMPTY,
    codes: [
      'ONE_CLUSTER_ALREADY_EXISTED',
      'INVALID_CLUSTER_NAME',
      'ALREADY_EXISTED',
      ...ALLOCATION_CODES,
    ],
    isMutation: true,
  },
  deleteCluster: {
    tag: 'clusters',
    summary: 'Deletes a cluster; its proxies become free.',
    answer: EMPTY,
    codes: CLUSTER_CODES,
    isMutation: true,
  },
  clusterInfo: {
    tag: 'clusters',
    summary: 'A summary of a cluster.',
    answer: json(clusterInfoSchema),
    codes: ['CLUSTER_NOT_FOUND'],
  },
  changeClusterConfig: {
    tag: 'clusters',
    summary: 'Changes the configuration of a cluster.',
    body: configChangesSchema,
    answer: EMPTY,
    codes: [...CLUSTER_CODES, 'MIGRATION_RUNNING', 'INVALID_CONFIG'],
    isMutation: true,
  },
  balanceCluster: {
    tag: 'clusters',
    summary: 'Gives each half of every healthy chunk its master back, if its replica is in step.',
    query: forceSchema,
    answer: EMPTY,
    codes: [...CLUSTER_CODES, 'PROXY_NOT_SYNC'],
    isMutation: true,
  },
  addNodes: {
    tag: 'clusters',
    summary: 'Adds nodes to a cluster; answers those that were added.',
    query: dryRunSchema,
    body: addNodesSchema,
    answer: nodesOrPlan,
    codes: [...SCALE_CODES, ...ALLOCATION_CODES],
    isMutation: true,
  },
  addNodesUpTo: {
    tag: 'clusters',
    summary: 'Adds nodes until a cluster has so many; answers those that were added.',
    query: dryRunSchema,
    body: addNodesUpToSchema,
    answer: nodesOrPlan,
    codes: [...SCALE_CODES, ...ALLOCATION_CODES, 'NODE_NUM_ALREADY_ENOUGH'],
    isMutation: true,
  },
  deleteFreeNodes: {
    tag: 'clusters',
    summary: 'Takes the chunks without slots out of a cluster.',
    query: dryRunSchema,
    answer: planOrEmpty,
    codes: [...SCALE_CODES, 'FREE_NODE_NOT_FOUND'],
    isMutation: true,
  },
  expandCluster: {
    tag: 'migrations',
    summary: 'Plans migrations of slots to the nodes that have none.',
    query: dryRunSchema,
    answer: planOrEmpty,
    codes: [...SCALE_CODES, 'SLOTS_ALREADY_EVEN'],
    isMutation: true,
  },
  shrinkCluster: {
    tag: 'migrations',
    summary: 'Plans migrations of slots away from the last chunks.',
    query: dryRunSchema,
    answer: planOrEmpty,
    codes: [...SCALE_CODES, 'FREE_NODE_FOUND', 'INVALID_NODE_NUMBER'],
    isMutation: true,
  },
  scaleCluster: {
    tag: 'migrations',
    summary: 'Brings a cluster to so many nodes, with the migrations that this takes.',
    query: dryRunSchema,
    answer: planOrEmpty,
    codes: [
      ...SCALE_CODES,
      ...ALLOCATION_CODES,
      'FREE_NODE_FOUND',
      'SLOTS_ALREADY_EVEN',
      'PROXY_NOT_SYNC',
    ],
    isMutation: true,
  },
  rebalanceCluster: {
    tag: 'migrations',
    summary: 'Plans migrations until all masters have as many slots.',
    query: dryRunSchema,
    answer: planOrEmpty,
    codes: [...SCALE_CODES, 'SLOTS_ALREADY_EVEN'],
    isMutation: true,
  },
  migrations: {
    tag: 'migrations',
    summary: 'Planned and running migrations of a cluster.',
    answer: json(clusterMigrationsSchema),
    codes: ['CLUSTER_NOT_FOUND'],
  },
  pauseMigrations: {
    tag: 'migrations',
    summary: 'Begins no further migrations of a cluster; those that run go on.',
    answer: EMPTY,
    codes: [...CLUSTER_CODES, 'MIGRATION_TASK_NOT_FOUND'],
    isMutation: true,
  },
  resumeMigrations: {
    tag: 'migrations',
    summary: 'Lets paused migrations begin.',
    answer: EMPTY,
    codes: CLUSTER_CODES,
    isMutation: true,
  },
  cancelMigrations: {
    tag: 'migrations',
    summary:
      'Drops the migrations of a cluster that have not begun, or that their source has not handed over.',
    answer: EMPTY,
    codes: [...CLUSTER_CODES, 'MIGRATION_RUNNING', 'MIGRATION_TASK_NOT_FOUND'],
    isMutation: true,
  },
  commitMigration: {
    tag: 'migrations',
    summary: 'Says that a migration is finished: its slots change their owner.',
    body: migrationTaskSchema,
    answer: EMPTY,
    codes: ['CLUSTER_NOT_FOUND', 'INVALID_MIGRATION_TASK', 'MIGRATION_TASK_NOT_FOUND'],
    isMutation: true,
  },
  proxyAddresses: {
    tag: 'proxies',
    summary: 'Addresses of all registered proxies, sorted.',
    query: pageSchema,
    answer: json(addressesSchema),
    codes: [],
  },
  proxy: {
    tag: 'proxies',
    summary: 'What a proxy has to know, or null.',
    answer: json(proxySchema),
    codes: [],
    isTagged: true,
  },
  addProxy: {
    tag: 'proxies',
    summary: 'Registers a proxy, or trusts one again that was marked as failed.',
    body: addProxySchema,
    answer: EMPTY,
    codes: ['INVALID_PROXY_ADDRESS', 'MISSING_SERVER_PROXY_INDEX', 'ALREADY_EXISTED'],
    isMutation: true,
  },
  removeProxy: {
    tag: 'proxies',
    summary: 'Forgets a free proxy.',
    answer: EMPTY,
    codes: ['PROXY_NOT_FOUND', 'IN_USE'],
    isMutation: true,
  },
  failedProxies: {
    tag: 'failures',
    summary: 'Proxies that are marked as failed.',
    answer: json(addressesSchema),
    codes: [],
  },
  failover: {
    tag: 'failures',
    summary: 'Fails a proxy over; answers the one that took its place, or null.',
    answer: json(proxySchema),
    codes: ['PROXY_NOT_FOUND', 'CLUSTER_NOT_FOUND', 'NO_AVAILABLE_RESOURCE'],
    isMutation: true,
  },
  failoverV2: {
    tag: 'failures',
    summary: 'The same under the path of an earlier version.',
    answer: json(proxySchema),
    codes: ['PROXY_NOT_FOUND', 'CLUSTER_NOT_FOUND', 'NO_AVAILABLE_RESOURCE'],
    isMutation: true,
  },
  failures: {
    tag: 'failures',
    summary: 'Proxies that enough coordinators reported. Forgets reports that ran out.',
    answer: json(addressesSchema),
    codes: [],
    isMutation: true,
  },
  reportFailure: { ...ABOUT_REPORT, summary: 'Reports that a proxy does not answer.' },
  withdrawReport: {
    ...ABOUT_REPORT,
    summary: 'Takes a report back: the proxy answers its reporter again.',
  },
  checkResources: {
    tag: 'failures',
    summary: 'Hosts that must not fail now.',
    answer: json(resourceCheckSchema),
    codes: [],
  },
  config: {
    tag: 'broker',
    summary: 'What can be changed in a running broker.',
    answer: json(brokerConfigSchema),
    codes: [],
  },
  setConfig: {
    tag: 'broker',
    summary: 'Replaces the list of standby brokers, until the broker ends.',
    body: brokerConfigSchema,
    answer: EMPTY,
    codes: [],
  },
  epoch: {
    tag: 'broker',
    summary: 'The global epoch.',
    answer: json(epochPayloadSchema),
    codes: [],
  },
  recoverEpochs: {
    tag: 'broker',
    summary: 'Raises the epoch above that of every proxy; names those that did not answer.',
    answer: json(epochRecoverySchema),
    codes: [],
    isMutation: true,
  },
  setEpoch: {
    tag: 'broker',
    summary: 'Raises the epoch.',
    answer: EMPTY,
    codes: ['EPOCH_SMALLER_THAN_CURRENT'],
    isMutation: true,
  },
  watch: {
    tag: 'broker',
    summary: 'Waits for what changes after an epoch.',
    query: watchQuerySchema,
    answer: { kind: 'json-or-events', schema: watchChangesSchema },
    codes: ['OVERLOADED', 'SHUTTING_DOWN'],
  },
  audit: {
    tag: 'broker',
    summary: 'The latest mutations: who asked for what, and what came of it.',
    query: auditQuerySchema,
    answer: json(auditPayloadSchema),
    codes: [],
  },
};
