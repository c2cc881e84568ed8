// Mutations and questions on stores of 2,000 and 10,000 proxies: ten per host, four of five in a cluster, twenty clusters.
// `pnpm bench micro` runs it.
import {
  DEFAULT_CLUSTER_CONFIG,
  parseClusterName,
  parseNodeAddress,
} from '@undermoon/cluster-meta';
import { apply } from '../src/core/apply.ts';
import type { ApplyContext, StoreCommand } from '../src/core/command.ts';
import { emptyStore, type StoreState } from '../src/core/model.ts';
import { checkResources } from '../src/core/resource-check.ts';

const CONTEXT: ApplyContext = {
  nowSeconds: 1_000_000,
  failureTtlSeconds: 60,
  failureQuorum: 1,
  defaultClusterConfig: DEFAULT_CLUSTER_CONFIG,
  migrationLimit: 1,
  hostMigrationLimit: 0,
};
const PROXIES_PER_HOST = 10;
const CLUSTERS = 20;

interface MicroCase {
  readonly name: string;
  /** Of one call of `run`. */
  readonly operations: number;
  readonly run: () => unknown;
}

function must<T>(value: T | null): T {
  if (value === null) throw new Error('not valid');
  return value;
}

function proxyAt(n: number): ReturnType<typeof parseNodeAddress> {
  return parseNodeAddress(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}:6001`);
}

function addProxy(n: number): StoreCommand {
  const host = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
  return {
    kind: 'add-proxy',
    address: must(proxyAt(n)),
    nodeAddresses: [must(parseNodeAddress(`${host}:7001`)), must(parseNodeAddress(`${host}:7002`))],
    host: `host-${Math.floor(n / PROXIES_PER_HOST)}`,
    index: null,
    zone: null,
    weight: null,
    replicaAddress: null,
  };
}

/** `proxies` proxies, of which clusters of equal size have four fifths. */
function storeOf(proxies: number): StoreState {
  let state = emptyStore(false);
  for (let n = 0; n < proxies; n++) state = apply(state, addProxy(n), CONTEXT).state;
  const nodeNumber = Math.floor((0.8 * proxies) / CLUSTERS / 2) * 4;
  for (let i = 0; i < CLUSTERS; i++) {
    const name = must(parseClusterName(`c${i}`));
    const step = apply(state, { kind: 'create-cluster', name, nodeNumber }, CONTEXT);
    if (!step.outcome.ok) throw new Error(step.outcome.message);
    state = step.state;
  }
  return state;
}

function casesOf(proxies: number): MicroCase[] {
  const state = storeOf(proxies);
  const member = must(
    [...state.proxies.values()].find((proxy) => proxy.cluster !== null)?.proxyAddress ?? null,
  );
  const grown = must(parseClusterName('c0'));
  const nodeNumber = Math.floor((0.1 * proxies) / 2) * 4;
  const commands: readonly (readonly [name: string, command: StoreCommand])[] = [
    ['register a proxy', addProxy(proxies)],
    ['fail over', { kind: 'failover', address: member }],
    ['report a failure', { kind: 'report-failure', address: member, reporterId: 'r' }],
    ['create a cluster', { kind: 'create-cluster', name: must(parseClusterName('n')), nodeNumber }],
    ['add nodes', { kind: 'add-nodes', name: grown, nodeNumber }],
  ];
  const more = apply(state, { kind: 'add-nodes', name: grown, nodeNumber }, CONTEXT).state;
  return [
    ...commands.map(([name, command]) => ({
      name: `${proxies} proxies: ${name}`,
      operations: 1,
      run: () => apply(state, command, CONTEXT),
    })),
    {
      name: `${proxies} proxies: plan an expansion`,
      operations: 1,
      run: () => apply(more, { kind: 'expand', name: grown }, CONTEXT),
    },
    {
      name: `${proxies} proxies: which hosts may fail`,
      operations: 1,
      run: () => checkResources(state, CONTEXT),
    },
  ];
}

export const cases: readonly MicroCase[] = [...casesOf(2000), ...casesOf(10_000)];
