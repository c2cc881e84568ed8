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
import { parsePayload } from '../payloads/parse-payload.ts';
import { addProxyToJson, proxySchema, type AddProxyRequest } from '../payloads/proxy.ts';
import { watchChangesSchema, type WatchChanges, type WatchCursor } from '../payloads/watch.ts';
import {
  addNodesToJson,
  addNodesUpToToJson,
  clusterPlanSchema,
  nodesSchema,
  type ClusterPlan,
} from '../payloads/scale.ts';
import { BROKER_ROUTES, PAGE_SIZE, routePath, type BrokerRouteName } from '../routes.ts';
import { BrokerList } from './broker-list.ts';
import { BrokerClientError } from './errors.ts';
import { BrokerExchange, parseJson, type ExchangeAnswer } from './exchange.ts';
import { resolveClientOptions, type BrokerClientOptions } from './options.ts';

/**
 * Calls of the broker's HTTP API. All of them fail with `BrokerClientError` and nothing else, except that a
 * parameter which cannot be part of a path fails with `RangeError`.
 */
export interface BrokerClient {
  readonly brokers: readonly string[];
  /** Takes effect with the next request. Throws a `RangeError` for an entry that is not `host:port`. */
  setBrokers(brokers: readonly string[]): void;
  /** Closes all connections; requests under way fail. Safe to call twice. */
  close(): Promise<void>;

  version(): Promise<string>;
  /** Whether a broker answers its health check. Does not fail. */
  health(): Promise<boolean>;
  epoch(): Promise<Epoch>;
  /** The whole dump, as decoded JSON. */
  metadata(): Promise<unknown>;
  /** Replaces the broker's whole state. */
  restoreMetadata(dump: unknown): Promise<void>;
  setEpoch(epoch: Epoch): Promise<void>;
  recoverEpochs(): Promise<EpochRecovery>;
  config(): Promise<BrokerConfig>;
  setConfig(config: BrokerConfig): Promise<void>;

  /** Gathers all pages; fails when one of them does. */
  clusterNames(): Promise<ClusterName[]>;
  cluster(name: ClusterName): Promise<ClusterMeta | null>;
  clusterInfo(name: ClusterName): Promise<ClusterInfo>;
  createCluster(name: ClusterName, nodeNumber: number): Promise<void>;
  deleteCluster(name: ClusterName): Promise<void>;
  changeClusterConfig(name: ClusterName, changes: ConfigChanges): Promise<void>;
  balanceCluster(name: ClusterName): Promise<void>;
  /** Adds nodes without slots and returns them. Not safe to repeat. */
  addNodes(name: ClusterName, nodeNumber: number): Promise<readonly NodeMeta[]>;
  /** Adds nodes without slots until there are `nodeNumber`, and returns the added ones. */
  addNodesUpTo(name: ClusterName, nodeNumber: number): Promise<readonly NodeMeta[]>;
  /** Takes the nodes without slots out of the cluster. */
  deleteFreeNodes(name: ClusterName): Promise<void>;
  /** Plans migrations that give slots to the nodes without any. */
  expandCluster(name: ClusterName): Promise<void>;
  /** Plans migrations that leave all slots to the first `nodeNumber` nodes. */
  shrinkCluster(name: ClusterName, nodeNumber: number): Promise<void>;
  /** Plans migrations after which all nodes have their share of the slots. */
  rebalanceCluster(name: ClusterName): Promise<void>;
  /**
   * What a change would do. Fails with ROUTE_NOT_FOUND, and changes nothing, at a broker that has no previews: one
   * of version 0.6.2 would take the request for the change itself.
   */
  previewChange(change: ClusterChange): Promise<ClusterPlan>;
  /** A task that is already committed fails with MIGRATION_TASK_NOT_FOUND. */
  commitMigration(task: MigrationTask): Promise<void>;

  /** Gathers all pages; fails when one of them does. */
  proxyAddresses(): Promise<NodeAddress[]>;
  proxy(address: NodeAddress): Promise<ProxyMeta | null>;
  /** A proxy that is known already fails with ALREADY_EXISTED, after its failure marks were cleared. */
  addProxy(request: AddProxyRequest): Promise<void>;
  removeProxy(address: NodeAddress): Promise<void>;
  failedProxies(): Promise<NodeAddress[]>;
  /** Proxies with enough reporters. */
  failures(): Promise<NodeAddress[]>;
  reportFailure(address: NodeAddress, reporterId: string): Promise<void>;
  /** The metadata of the proxy that took the place of `address`, or null. */
  failover(address: NodeAddress): Promise<ProxyMeta | null>;

  /**
   * Waits until something changed after `since`, for at most `waitMs` (default 10,000; 0: not at all). Null
   * as `since` is answered at once and gives a first cursor. An aborted `signal` fails the call with
   * BROKER_UNREACHABLE. Brokers without this route fail with ROUTE_NOT_FOUND or METHOD_NOT_ALLOWED.
   */
  watch(since: WatchCursor | null, options?: WatchOptions): Promise<WatchChanges>;
}

/** How to wait in `BrokerClient.watch`. */
export interface WatchOptions {
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

/** A change of a cluster's nodes or slots. */
export type ClusterChange =
  | {
      readonly kind: 'addNodes' | 'addNodesUpTo';
      readonly name: ClusterName;
      readonly nodeNumber: number;
    }
  | { readonly kind: 'shrinkCluster'; readonly name: ClusterName; readonly nodeNumber: number }
  | {
      readonly kind: 'deleteFreeNodes' | 'expandCluster' | 'rebalanceCluster';
      readonly name: ClusterName;
    };

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

  async rebalanceCluster(name: ClusterName): Promise<void> {
    await this.#call('rebalanceCluster', { params: { name } });
  }

  async previewChange(change: ClusterChange): Promise<ClusterPlan> {
    // The original has no health check either, and would carry out what it is asked to preview.
    await this.#call('health');
    const input = { ...inputOf(change), query: { dry_run: 'true' } };
    return this.#read(change.kind, clusterPlanSchema, input);
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

function inputOf(change: ClusterChange): CallInput {
  const { name } = change;
  switch (change.kind) {
    case 'addNodes':
      return { params: { name }, body: addNodesToJson(change) };
    case 'addNodesUpTo':
      return { params: { name }, body: addNodesUpToToJson(change) };
    case 'shrinkCluster':
      return { params: { name, nodeNumber: change.nodeNumber } };
    default:
      return { params: { name } };
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
