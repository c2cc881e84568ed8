import assert from 'node:assert/strict';
import type { Chunk, RolePosition } from '@undermoon/broker-api';
import {
  DEFAULT_CLUSTER_CONFIG,
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
  type ClusterName,
  type Epoch,
  type NodeAddress,
} from '@undermoon/cluster-meta';
import { apply } from '../src/core/apply.ts';
import type { ApplyContext, StoreCommand, StoreOutcome, StoreStep } from '../src/core/command.ts';
import { storeViolations, transitionViolations } from '../src/core/invariants.ts';
import { emptyStore, withCluster, type StoreState } from '../src/core/model.ts';

export const CONTEXT: ApplyContext = {
  nowSeconds: 1_000_000,
  failureTtlSeconds: 60,
  failureQuorum: 1,
  migrationLimit: 0,
  hostMigrationLimit: 0,
  defaultClusterConfig: DEFAULT_CLUSTER_CONFIG,
};

export function address(text: string): NodeAddress {
  const parsed = parseNodeAddress(text);
  assert(parsed !== null, text);
  return parsed;
}

export function clusterName(text: string): ClusterName {
  const parsed = parseClusterName(text);
  assert(parsed !== null, text);
  return parsed;
}

export function epoch(value: number): Epoch {
  const parsed = parseEpoch(value);
  assert(parsed !== null, String(value));
  return parsed;
}

export const DEMO: ClusterName = clusterName('demo');

/** A registration of `10.0.0.<n>:6001` with its nodes at ports 7001 and 7002. */
export function addProxyCommand(
  n: number,
  host = `host-${n}`,
  index: number | null = null,
  labels: {
    readonly zone?: string;
    readonly weight?: number;
    readonly replicaAddress?: string;
  } = {},
): StoreCommand {
  return {
    kind: 'add-proxy',
    address: proxyAt(n),
    nodeAddresses: [address(`10.0.0.${n}:7001`), address(`10.0.0.${n}:7002`)],
    host,
    index,
    zone: labels.zone ?? null,
    weight: labels.weight ?? null,
    replicaAddress: labels.replicaAddress === undefined ? null : address(labels.replicaAddress),
  };
}

export function proxyAt(n: number): NodeAddress {
  return address(`10.0.0.${n}:6001`);
}

/** A store that is checked after every mutation. */
export class CheckedStore {
  state: StoreState;
  context: ApplyContext;

  constructor(state: StoreState = emptyStore(false), context: Partial<ApplyContext> = {}) {
    this.state = state;
    this.context = { ...CONTEXT, ...context };
  }

  run(command: StoreCommand): StoreOutcome {
    return this.step(command).outcome;
  }

  step(command: StoreCommand): StoreStep {
    const before = this.state;
    const step = apply(before, command, this.context);
    assert.deepEqual(storeViolations(step.state), [], `after ${JSON.stringify(command)}`);
    if (command.kind !== 'restore') {
      assert.deepEqual(transitionViolations(before, step.state, 0), []);
      assert.deepEqual(transitionViolations(before, step.state, 1), []);
    }
    this.state = step.state;
    return step;
  }

  /** Runs a mutation that has to succeed. */
  must(command: StoreCommand): void {
    const outcome = this.run(command);
    assert(outcome.ok, JSON.stringify(outcome));
  }

  /** Runs a mutation and returns the code of its refusal, or null. */
  code(command: StoreCommand): string | null {
    const outcome = this.run(command);
    return outcome.ok ? null : outcome.code;
  }

  pass(seconds: number): void {
    this.context = { ...this.context, nowSeconds: this.context.nowSeconds + seconds };
  }

  report(n: number, reporterId = 'r1'): void {
    this.must({ kind: 'report-failure', address: proxyAt(n), reporterId });
  }

  chunk(index = 0): Chunk {
    const chunk = this.state.clusters.get(DEMO)?.chunks[index];
    assert(chunk !== undefined);
    return chunk;
  }

  get epochs(): readonly [global: number, cluster: number | null] {
    return [this.state.globalEpoch, this.state.clusters.get(DEMO)?.epoch ?? null];
  }
}

/** A store with proxies 1…n, each on a host of its own, and a cluster `demo` of `nodeNumber` nodes. */
export function storeWithCluster(proxyCount: number, nodeNumber: number): CheckedStore {
  const store = new CheckedStore();
  for (let n = 1; n <= proxyCount; n++) store.must(addProxyCommand(n));
  store.must({ kind: 'create-cluster', name: DEMO, nodeNumber });
  return store;
}

/** The example of a running expansion from one chunk to two, both migrations open. */
export const EXPANDING_DUMP = JSON.parse(`{"version":"mem-broker-0.2","global_epoch":7,
 "clusters":{"demo":{"epoch":7,"name":"demo","chunks":[
  {"role_position":"Normal",
   "stable_slots":[{"range_list":[[0,4095]],"tag":"None"},{"range_list":[[8192,12287]],"tag":"None"}],
   "migrating_slots":[
    [{"range_list":[[4096,8191]],"is_migrating":true,"meta":{"epoch":7,"src_chunk_index":0,"src_chunk_part":0,"dst_chunk_index":1,"dst_chunk_part":0}}],
    [{"range_list":[[12288,16383]],"is_migrating":true,"meta":{"epoch":7,"src_chunk_index":0,"src_chunk_part":1,"dst_chunk_index":1,"dst_chunk_part":1}}]],
   "proxy_addresses":["10.0.1.1:6001","10.0.1.2:6001"],"hosts":["10.0.1.1","10.0.1.2"],
   "node_addresses":["10.0.1.1:7001","10.0.1.1:7002","10.0.1.2:7001","10.0.1.2:7002"]},
  {"role_position":"Normal","stable_slots":[null,null],
   "migrating_slots":[
    [{"range_list":[[4096,8191]],"is_migrating":false,"meta":{"epoch":7,"src_chunk_index":0,"src_chunk_part":0,"dst_chunk_index":1,"dst_chunk_part":0}}],
    [{"range_list":[[12288,16383]],"is_migrating":false,"meta":{"epoch":7,"src_chunk_index":0,"src_chunk_part":1,"dst_chunk_index":1,"dst_chunk_part":1}}]],
   "proxy_addresses":["10.0.1.3:6001","10.0.1.4:6001"],"hosts":["10.0.1.3","10.0.1.4"],
   "node_addresses":["10.0.1.3:7001","10.0.1.3:7002","10.0.1.4:7001","10.0.1.4:7002"]}],
  "config":{"compression_strategy":"disabled","migration_config":{"max_migration_time":10800,"max_blocking_time":10000,"scan_interval":500,"scan_count":16}}}},
 "all_proxies":{
  "10.0.1.1:6001":{"proxy_address":"10.0.1.1:6001","node_addresses":["10.0.1.1:7001","10.0.1.1:7002"],"host":"10.0.1.1","index":0,"cluster":"demo"},
  "10.0.1.2:6001":{"proxy_address":"10.0.1.2:6001","node_addresses":["10.0.1.2:7001","10.0.1.2:7002"],"host":"10.0.1.2","index":0,"cluster":"demo"},
  "10.0.1.3:6001":{"proxy_address":"10.0.1.3:6001","node_addresses":["10.0.1.3:7001","10.0.1.3:7002"],"host":"10.0.1.3","index":0,"cluster":"demo"},
  "10.0.1.4:6001":{"proxy_address":"10.0.1.4:6001","node_addresses":["10.0.1.4:7001","10.0.1.4:7002"],"host":"10.0.1.4","index":0,"cluster":"demo"}},
 "failed_proxies":[],"failures":{},"enable_ordered_proxy":false}`) as Record<string, unknown>;

/** The same state with the roles of one chunk moved. */
export function withRoles(
  state: StoreState,
  index: number,
  rolePosition: RolePosition,
): StoreState {
  const cluster = state.clusters.get(DEMO);
  assert(cluster !== undefined);
  const chunks = cluster.chunks.map((chunk, i) =>
    i === index ? { ...chunk, rolePosition } : chunk,
  );
  return withCluster(state, DEMO, { ...cluster, chunks });
}

/** Proxies numbered from 1, `counts[i]` of them on host i (named a, b, c, …). */
export function storeOf(counts: readonly number[]): CheckedStore {
  const store = new CheckedStore();
  let n = 0;
  for (const [host, count] of counts.entries()) {
    for (let i = 0; i < count; i++)
      store.must(addProxyCommand(++n, String.fromCharCode(97 + host)));
  }
  return store;
}
