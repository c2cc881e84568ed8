import {
  addProxySchema,
  brokerConfigSchema,
  brokerConfigToJson,
  clusterInfoToJson,
  configChangesSchema,
  createClusterSchema,
  epochRecoveryToJson,
  forceSchema,
  metaStoreToJson,
  migrationTaskSchema,
  pageSchema,
  parsePayload,
  proxyPayloadToJson,
  resourceCheckToJson,
  type PayloadOutcome,
} from '@undermoon/broker-api';
import {
  EPOCH_ZERO,
  hostOf,
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
  type Epoch,
  type NodeAddress,
} from '@undermoon/cluster-meta';
import { promotedInCluster } from '../core/balance-plan.ts';
import type { StoreRefusal } from '../core/command.ts';
import { hasExpiredReports, reportedProxies } from '../core/failure-log.ts';
import { clusterInfo, pageOf, proxyView } from '../core/query.ts';
import { checkResources } from '../core/resource-check.ts';
import { parseDump } from '../core/restore.ts';
import { JsonDocument } from './document.ts';
import { fetchEpochs } from './fetch-epoch.ts';
import { nodesInStep } from './fetch-replica.ts';
import { OPERATION_ROUTES } from './operation-routes.ts';
import type { Replicator } from './replicator.ts';
import {
  document,
  EMPTY,
  invalidClusterName,
  json,
  mutate,
  onCluster,
  proxyNotFound,
  text,
  type RouteCall,
  type RouteContext,
  type RouteReply,
  type RouteRow,
} from './route-row.ts';
import { SCALE_ROUTES } from './scale-routes.ts';
import type { StoreRunner } from './store-runner.ts';

// The version of the original whose HTTP API this is; its peers read it as the broker's version.
const API_COMPATIBILITY_VERSION = '0.6.2';

const REPORTER_ID_LENGTH_MAX = 255;

/** Every route of the contract. */
export const ROUTES: readonly RouteRow[] = [
  { route: 'health', body: 'none', handle: () => json({ status: 'ok' }) },
  { route: 'version', body: 'none', handle: () => text(API_COMPATIBILITY_VERSION) },
  { route: 'metadata', body: 'none', handle: ({ runner }) => dumpOf(runner) },
  { route: 'restoreMetadata', body: 'dump', handle: restoreMetadata },
  { route: 'clusterNames', body: 'none', handle: clusterNames },
  { route: 'cluster', body: 'none', handle: cluster },
  { route: 'createCluster', body: 'json', handle: createCluster },
  {
    route: 'deleteCluster',
    body: 'none',
    handle: onCluster((name) => ({ kind: 'delete-cluster', name })),
  },
  { route: 'clusterInfo', body: 'none', handle: info },
  { route: 'changeClusterConfig', body: 'json', handle: changeConfig },
  { route: 'balanceCluster', body: 'none', handle: balanceCluster },
  ...SCALE_ROUTES,
  { route: 'commitMigration', body: 'json', handle: commitMigration },
  { route: 'proxyAddresses', body: 'none', handle: proxyAddresses },
  { route: 'proxy', body: 'none', handle: proxy },
  { route: 'addProxy', body: 'json', handle: addProxy },
  { route: 'removeProxy', body: 'none', handle: removeProxy },
  { route: 'failedProxies', body: 'none', handle: failedProxies },
  { route: 'failover', body: 'none', handle: failover },
  { route: 'failoverV2', body: 'none', handle: failover },
  { route: 'failures', body: 'none', handle: failures },
  { route: 'reportFailure', body: 'none', handle: aboutReport('report-failure') },
  { route: 'withdrawReport', body: 'none', handle: aboutReport('withdraw-report') },
  { route: 'checkResources', body: 'none', handle: resources },
  { route: 'config', body: 'none', handle: ({ replicator }) => configOf(replicator) },
  { route: 'setConfig', body: 'json', handle: setConfig },
  { route: 'epoch', body: 'none', handle: ({ runner }) => json(runner.state.globalEpoch) },
  { route: 'recoverEpochs', body: 'none', handle: recoverEpochs },
  { route: 'setEpoch', body: 'none', handle: setEpoch },
  ...OPERATION_ROUTES,
];

function dumpOf(runner: StoreRunner): RouteReply {
  return document(new JsonDocument(metaStoreToJson(runner.state)));
}

function restoreMetadata(context: RouteContext, call: RouteCall): RouteReply | Promise<RouteReply> {
  const store = parseDump(call.body);
  return store.ok ? mutate(context, { kind: 'restore', store: store.value }) : store;
}

function clusterNames({ runner }: RouteContext, call: RouteCall): RouteReply {
  const page = parseQuery(call.query);
  return page.ok ? json({ names: pageOf(runner.state.clusters.keys(), page.value) }) : page;
}

function cluster({ runner, cache }: RouteContext, call: RouteCall): RouteReply {
  const name = parseClusterName(call.params['name']);
  const stored = name === null ? undefined : runner.state.clusters.get(name);
  return document(
    stored === undefined
      ? new JsonDocument({ cluster: null })
      : cache.cluster(runner.state, stored),
  );
}

function createCluster(context: RouteContext, call: RouteCall): RouteReply | Promise<RouteReply> {
  const name = parseClusterName(call.params['name']);
  if (name === null) return invalidClusterName();
  const body = parsePayload(createClusterSchema, call.body);
  if (!body.ok) return body;
  return mutate(context, { kind: 'create-cluster', name, nodeNumber: body.value.nodeNumber });
}

function info({ runner, options }: RouteContext, call: RouteCall): RouteReply {
  const name = call.params['name'] ?? '';
  const parsed = parseClusterName(name);
  const stored = parsed === null ? undefined : runner.state.clusters.get(parsed);
  if (stored !== undefined) {
    return json(clusterInfoToJson(clusterInfo(stored, options.migrationLimit)));
  }
  return { ok: false, code: 'CLUSTER_NOT_FOUND', message: 'there is no such cluster' };
}

function changeConfig(context: RouteContext, call: RouteCall): RouteReply | Promise<RouteReply> {
  const name = parseClusterName(call.params['name']);
  if (name === null) return invalidClusterName();
  const body = parsePayload(configChangesSchema, call.body);
  return body.ok ? mutate(context, { kind: 'change-config', name, changes: body.value }) : body;
}

async function balanceCluster(context: RouteContext, call: RouteCall): Promise<RouteReply> {
  const name = parseClusterName(call.params['name']);
  if (name === null) return invalidClusterName();
  const query = parsePayload(forceSchema, call.query);
  if (!query.ok) return { ...query, code: 'INVALID_QUERY' };
  if (query.value.isForced) return mutate(context, { kind: 'balance', name });
  const promoted = promotedInCluster(context.runner.state, name);
  const inStep = await nodesInStep(promoted, context.options.fetchReplica);
  return mutate(context, { kind: 'balance', name, inStep });
}

function commitMigration(context: RouteContext, call: RouteCall): RouteReply | Promise<RouteReply> {
  const task = parsePayload(migrationTaskSchema, call.body);
  if (task.ok) return mutate(context, { kind: 'commit-migration', task: task.value });
  return task.field === 'slot_range.tag' ? { ...task, code: 'INVALID_MIGRATION_TASK' } : task;
}

function proxyAddresses({ runner }: RouteContext, call: RouteCall): RouteReply {
  const page = parseQuery(call.query);
  return page.ok ? json({ addresses: pageOf(runner.state.proxies.keys(), page.value) }) : page;
}

function proxy({ runner, cache }: RouteContext, call: RouteCall): RouteReply {
  const address = parseNodeAddress(call.params['address']);
  return document(
    address === null ? new JsonDocument({ proxy: null }) : cache.proxy(runner.state, address),
  );
}

function addProxy(context: RouteContext, call: RouteCall): RouteReply | Promise<RouteReply> {
  const body = parsePayload(addProxySchema, call.body);
  if (!body.ok) return body;
  const { proxyAddress, nodes, host, index, zone, weight, replicaAddress } = body.value;
  const address = parseNodeAddress(proxyAddress);
  if (address === null) {
    const message = 'proxy_address: expected an address "host:port"';
    return { ok: false, code: 'INVALID_PROXY_ADDRESS', message, field: 'proxy_address' };
  }
  return mutate(context, {
    kind: 'add-proxy',
    address,
    nodeAddresses: nodes,
    host: host ?? hostOf(address),
    index: index ?? null,
    zone: zone ?? null,
    weight: weight ?? null,
    replicaAddress: replicaAddress ?? null,
  });
}

function removeProxy(context: RouteContext, call: RouteCall): RouteReply | Promise<RouteReply> {
  const address = parseNodeAddress(call.params['address']);
  return address === null ? proxyNotFound() : mutate(context, { kind: 'remove-proxy', address });
}

function failedProxies({ runner }: RouteContext): RouteReply {
  return json({ addresses: [...runner.state.failedProxies].toSorted() });
}

async function failover(context: RouteContext, call: RouteCall): Promise<RouteReply> {
  const address = parseNodeAddress(call.params['address']);
  if (address === null) return proxyNotFound();
  const command = { kind: 'failover', address } as const;
  const { state, outcome } = await context.runner.run(command, context.origin);
  if (!outcome.ok) return outcome;
  const { migrationLimit } = context.options;
  const view = outcome.value === null ? null : proxyView(state, outcome.value, migrationLimit);
  return json(proxyPayloadToJson({ proxy: view }));
}

async function failures(context: RouteContext): Promise<RouteReply> {
  const { runner } = context;
  // Reports run out without any call; forgetting them may make a proxy available for a replacement.
  if (runner.isWriter && hasExpiredReports(runner.state, context.applyContext())) {
    await runner.run({ kind: 'purge-failures' }, context.origin);
  }
  return json({ addresses: reportedProxies(runner.state, context.applyContext()) });
}

function aboutReport(kind: 'report-failure' | 'withdraw-report'): RouteRow['handle'] {
  return (context, call) => {
    const address = parseNodeAddress(call.params['address']);
    if (address === null) return proxyNotFound();
    const reporterId = call.params['reporterId'] ?? '';
    if (reporterId === '' || reporterId.length > REPORTER_ID_LENGTH_MAX) {
      const message = `reporterId: expected 1 to ${REPORTER_ID_LENGTH_MAX} characters`;
      return { ok: false, code: 'INVALID_REQUEST', message, field: 'reporterId' };
    }
    return mutate(context, { kind, address, reporterId });
  };
}

function resources(context: RouteContext): RouteReply {
  const check = checkResources(context.runner.state, context.applyContext());
  return json(resourceCheckToJson(check));
}

function configOf(replicator: Replicator): RouteReply {
  return json(brokerConfigToJson({ replicaAddresses: replicator.replicas }));
}

function setConfig(context: RouteContext, call: RouteCall): RouteReply {
  const body = parsePayload(brokerConfigSchema, call.body);
  if (!body.ok) return body;
  const { replicaAddresses } = body.value;
  context.replicator.replicas = replicaAddresses;
  const epoch = context.runner.state.globalEpoch;
  context.onMutation({
    command: { kind: 'set-config', replicaAddresses },
    origin: context.origin,
    epochBefore: epoch,
    epochAfter: epoch,
    outcome: 'ok',
  });
  return EMPTY;
}

function setEpoch(context: RouteContext, call: RouteCall): RouteReply | Promise<RouteReply> {
  const epoch = parseEpoch(call.params['epoch']);
  if (epoch !== null) return mutate(context, { kind: 'set-epoch', epoch });
  const message = `epoch: expected a whole number up to ${Number.MAX_SAFE_INTEGER}`;
  return { ok: false, code: 'INVALID_REQUEST', message, field: 'epoch' };
}

async function recoverEpochs(context: RouteContext): Promise<RouteReply> {
  const addresses = [...context.runner.state.proxies.keys()].toSorted();
  const epochs = await fetchEpochs(addresses, context.options.fetchEpoch);
  const failedAddresses: NodeAddress[] = [];
  let proxyEpochMax: Epoch = EPOCH_ZERO;
  for (const [address, epoch] of epochs) {
    if (epoch === null) failedAddresses.push(address);
    else if (epoch > proxyEpochMax) proxyEpochMax = epoch;
  }
  const command = { kind: 'recover-epoch', proxyEpochMax } as const;
  const { outcome } = await context.runner.run(command, context.origin);
  return outcome.ok ? json(epochRecoveryToJson({ failedAddresses })) : outcome;
}

function parseQuery(
  query: unknown,
): PayloadOutcome<{ offset: number; limit: number | null }> | StoreRefusal {
  const page = parsePayload(pageSchema, query);
  return page.ok ? page : { ...page, code: 'INVALID_QUERY' };
}
