import {
  migrationTaskToJson,
  type ClusterMeta,
  type ClusterName,
  type Epoch,
  type MigrationTask,
  type NodeAddress,
  type NodeMeta,
  type ProxyMeta,
} from '@undermoon/cluster-meta';
import type { z } from 'zod';
import {
  brokerConfigSchema,
  brokerConfigToJson,
  type BrokerConfig,
} from '../payloads/broker-config.ts';
import {
  clusterInfoSchema,
  clusterSchema,
  createClusterToJson,
  type ClusterInfo,
  type ConfigChanges,
} from '../payloads/cluster.ts';
import { epochPayloadSchema, epochRecoverySchema, type EpochRecovery } from '../payloads/epoch.ts';
import { addressesSchema, clusterNamesSchema } from '../payloads/listing.ts';
import { metaStoreSchema, type MetaStore } from '../payloads/meta-store.ts';
import { clusterMigrationsSchema, type ClusterMigrations } from '../payloads/migration.ts';
import { parsePayload } from '../payloads/parse-payload.ts';
import { addProxyToJson, proxySchema, type AddProxyRequest } from '../payloads/proxy.ts';
import { watchChangesSchema, type WatchChanges, type WatchCursor } from '../payloads/watch.ts';
import { resourceCheckSchema, type ResourceCheck } from '../payloads/resource-check.ts';
import { clusterPlanSchema, nodesSchema, type ClusterPlan } from '../payloads/scale.ts';
import { BROKER_ROUTES, PAGE_SIZE, routePath, type BrokerRouteName } from '../routes.ts';
import type { BrokerClient, WatchOptions } from './broker-calls.ts';
import { BrokerList } from './broker-list.ts';
import { inputOf, type ClusterChange } from './cluster-change.ts';
import { BrokerClientError } from './errors.ts';
import { BrokerExchange, parseJson, type ExchangeAnswer } from './exchange.ts';
import { resolveClientOptions, type BrokerClientOptions } from './options.ts';

/** Creates a client. Opens no connection before the first call. */
export function createBrokerClient(options: BrokerClientOptions): BrokerClient {
  const resolved = resolveClientOptions(options);
  const exchange = new BrokerExchange(resolved);
  return new HttpBrokerClient(exchange, new BrokerList(exchange, resolved.brokers));
}

const WATCH_WAIT_MS = 10_000;

interface CallInput {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: unknown;
  readonly waitMs?: number;
  readonly signal?: AbortSignal | undefined;
}

// The original gives up after 31 seconds if a proxy does not answer.
const SCALE_WAIT_MS = 35_000;

class HttpBrokerClient implements BrokerClient {
  readonly #exchange: BrokerExchange;
  readonly #list: BrokerList;

  constructor(exchange: BrokerExchange, list: BrokerList) {
    this.#exchange = exchange;
    this.#list = list;
  }

  get brokers(): readonly string[] {
    return this.#list.brokers;
  }

  setBrokers(brokers: readonly string[]): void {
    this.#list.replace(brokers);
  }

  close(): Promise<void> {
    return this.#exchange.close();
  }

  async version(): Promise<string> {
    return (await this.#call('version')).text.trim();
  }

  async health(): Promise<boolean> {
    try {
      await this.#call('health');
      return true;
    } catch (error) {
      if (error instanceof BrokerClientError) return false;
      throw error;
    }
  }

  epoch(): Promise<Epoch> {
    return this.#read('epoch', epochPayloadSchema);
  }

  async metadata(): Promise<unknown> {
    const answer = await this.#call('metadata');
    const dump = parseJson(answer.text);
    if (dump === undefined) throw badResponse(answer, 'not JSON');
    return dump;
  }

  store(): Promise<MetaStore> {
    return this.#read('metadata', metaStoreSchema);
  }

  async restoreMetadata(dump: unknown): Promise<void> {
    await this.#call('restoreMetadata', { body: dump });
  }

  async setEpoch(epoch: Epoch): Promise<void> {
    await this.#call('setEpoch', { params: { epoch } });
  }

  recoverEpochs(): Promise<EpochRecovery> {
    return this.#read('recoverEpochs', epochRecoverySchema);
  }

  config(): Promise<BrokerConfig> {
    return this.#read('config', brokerConfigSchema);
  }

  async setConfig(config: BrokerConfig): Promise<void> {
    await this.#call('setConfig', { body: brokerConfigToJson(config) });
  }

  clusterNames(): Promise<ClusterName[]> {
    return gather(async (query) => {
      return (await this.#read('clusterNames', clusterNamesSchema, { query })).names;
    });
  }

  async cluster(name: ClusterName): Promise<ClusterMeta | null> {
    return (await this.#read('cluster', clusterSchema, { params: { name } })).cluster;
  }

  clusterInfo(name: ClusterName): Promise<ClusterInfo> {
    return this.#read('clusterInfo', clusterInfoSchema, { params: { name } });
  }

  async createCluster(name: ClusterName, nodeNumber: number): Promise<void> {
    const body = createClusterToJson({ nodeNumber });
    await this.#call('createCluster', { params: { name }, body });
  }

  async deleteCluster(name: ClusterName): Promise<void> {
    await this.#call('deleteCluster', { params: { name } });
  }

  async changeClusterConfig(name: ClusterName, changes: ConfigChanges): Promise<void> {
    const body = Object.fromEntries(changes);
    await this.#call('changeClusterConfig', { params: { name }, body });
  }

  async balanceCluster(name: ClusterName): Promise<void> {
    await this.#call('balanceCluster', { params: { name } });
  }

  addNodes(name: ClusterName, nodeNumber: number): Promise<readonly NodeMeta[]> {
    return this.#read('addNodes', nodesSchema, inputOf({ kind: 'addNodes', name, nodeNumber }));
  }

  addNodesUpTo(name: ClusterName, nodeNumber: number): Promise<readonly NodeMeta[]> {
    const input = inputOf({ kind: 'addNodesUpTo', name, nodeNumber });
    return this.#read('addNodesUpTo', nodesSchema, input);
  }

  async deleteFreeNodes(name: ClusterName): Promise<void> {
    await this.#call('deleteFreeNodes', { params: { name } });
  }

  async expandCluster(name: ClusterName): Promise<void> {
    await this.#call('expandCluster', { params: { name } });
  }

  async shrinkCluster(name: ClusterName, nodeNumber: number): Promise<void> {
    await this.#call('shrinkCluster', { params: { name, nodeNumber } });
  }

  async scaleCluster(name: ClusterName, nodeNumber: number): Promise<void> {
    const waitMs = SCALE_WAIT_MS;
    await this.#call('scaleCluster', { params: { name, nodeNumber }, waitMs });
  }

  async rebalanceCluster(name: ClusterName): Promise<void> {
    await this.#call('rebalanceCluster', { params: { name } });
  }

  async previewChange(change: ClusterChange): Promise<ClusterPlan> {
    // The original has no health check either, and would carry out what it is asked to preview.
    await this.#call('health');
    const input = { ...inputOf(change), query: { dry_run: 'true' } };
    return this.#read(change.kind, clusterPlanSchema, input);
  }

  migrations(name: ClusterName): Promise<ClusterMigrations> {
    return this.#read('migrations', clusterMigrationsSchema, { params: { name } });
  }

  async pauseMigrations(name: ClusterName): Promise<void> {
    await this.#call('pauseMigrations', { params: { name } });
  }

  async resumeMigrations(name: ClusterName): Promise<void> {
    await this.#call('resumeMigrations', { params: { name } });
  }

  async cancelMigrations(name: ClusterName): Promise<void> {
    await this.#call('cancelMigrations', { params: { name } });
  }

  async commitMigration(task: MigrationTask): Promise<void> {
    await this.#call('commitMigration', { body: migrationTaskToJson(task) });
  }

  proxyAddresses(): Promise<NodeAddress[]> {
    return gather(async (query) => {
      return (await this.#read('proxyAddresses', addressesSchema, { query })).addresses;
    });
  }

  async proxy(address: NodeAddress): Promise<ProxyMeta | null> {
    return (await this.#read('proxy', proxySchema, { params: { address } })).proxy;
  }

  async addProxy(request: AddProxyRequest): Promise<void> {
    await this.#call('addProxy', { body: addProxyToJson(request) });
  }

  async removeProxy(address: NodeAddress): Promise<void> {
    await this.#call('removeProxy', { params: { address } });
  }

  async failedProxies(): Promise<NodeAddress[]> {
    return [...(await this.#read('failedProxies', addressesSchema)).addresses];
  }

  async failures(): Promise<NodeAddress[]> {
    return [...(await this.#read('failures', addressesSchema)).addresses];
  }

  async reportFailure(address: NodeAddress, reporterId: string): Promise<void> {
    await this.#call('reportFailure', { params: { address, reporterId } });
  }

  async withdrawReport(address: NodeAddress, reporterId: string): Promise<void> {
    await this.#call('withdrawReport', { params: { address, reporterId } });
  }

  checkResources(): Promise<ResourceCheck> {
    return this.#read('checkResources', resourceCheckSchema);
  }

  async failover(address: NodeAddress): Promise<ProxyMeta | null> {
    return (await this.#read('failover', proxySchema, { params: { address } })).proxy;
  }

  watch(since: WatchCursor | null, options: WatchOptions = {}): Promise<WatchChanges> {
    const { waitMs = WATCH_WAIT_MS, signal } = options;
    const stream = since?.stream ?? null;
    const query = {
      ...(since === null ? {} : { since: since.epoch }),
      ...(stream === null ? {} : { stream: encodeURIComponent(stream) }),
      wait_ms: waitMs,
    };
    return this.#read('watch', watchChangesSchema, { query, waitMs, signal });
  }

  async #read<T>(route: BrokerRouteName, schema: z.ZodType<T>, input: CallInput = {}): Promise<T> {
    const answer = await this.#call(route, input);
    const parsed = parsePayload(schema, parseJson(answer.text));
    if (!parsed.ok) throw badResponse(answer, parsed.message);
    return parsed.value;
  }

  #call(route: BrokerRouteName, input: CallInput = {}): Promise<ExchangeAnswer> {
    const path = routePath(route, input.params, input.query);
    const { method } = BROKER_ROUTES[route];
    const { body, waitMs, signal } = input;
    return this.#list.send({ method, path, body, waitMs, signal });
  }
}

// A repeated entry (a listing that changed between two pages) is kept once.
async function gather<T>(
  page: (query: { offset: number; limit: number }) => Promise<readonly T[]>,
): Promise<T[]> {
  const all = new Set<T>();
  for (let offset = 0; ; offset += PAGE_SIZE) {
    const entries = await page({ offset, limit: PAGE_SIZE });
    for (const entry of entries) all.add(entry);
    if (entries.length < PAGE_SIZE) return [...all];
  }
}

function badResponse(answer: ExchangeAnswer, reason: string): BrokerClientError {
  const { broker, status } = answer;
  return new BrokerClientError(
    'BAD_RESPONSE',
    `${broker} answered outside the contract: ${reason}`,
    {
      broker,
      status,
    },
  );
}
