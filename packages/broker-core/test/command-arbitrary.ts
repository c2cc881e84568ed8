import type { NodeAddress } from '@undermoon/cluster-meta';
import fc from 'fast-check';
import type { StoreCommand } from '../src/core/command.ts';
import type { StoreState } from '../src/core/model.ts';
import { clusterMigrations } from '../src/core/query.ts';
import { addProxyCommand, clusterName, epoch, proxyAt } from './store-fixture.ts';

/** Proxies that random commands are about, numbered from 1. */
export const PROXIES = 24;
export const HOSTS = 6;

/** Something that happens to a store. */
export type StoreAction =
  | StoreCommand
  | { readonly kind: 'pass'; readonly seconds: number }
  /** Commits one of the migrations that there are then. */
  | { readonly kind: 'commit-some'; readonly choice: number };

const proxyNumber = fc.integer({ min: 1, max: PROXIES });
const name = fc.constantFrom('x', 'y', 'z').map(clusterName);
const nodeNumber = fc.constantFrom(4, 8, 12, 16, 20);

const registration = fc.tuple(proxyNumber, fc.nat({ max: 9 })).map(([n, label]) =>
  addProxyCommand(n, `h${n % HOSTS}`, n - 1, {
    ...(label === 0 ? { zone: `z${(n % HOSTS) % 3}` } : {}),
    ...(label === 1 ? { weight: 40 * n } : {}),
    ...(label % 3 === 2 ? { replicaAddress: `10.0.0.${n}:${6002 + (label >> 2)}` } : {}),
  }),
);

/** Any command except `restore`, as often as it is interesting, and the passing of time. */
export const storeAction: fc.Arbitrary<StoreAction> = fc.oneof(
  { weight: 16, arbitrary: registration },
  { weight: 1, arbitrary: onProxy('remove-proxy') },
  {
    weight: 4,
    arbitrary: fc
      .tuple(name, nodeNumber)
      .map(
        ([cluster, nodes]) =>
          ({ kind: 'create-cluster', name: cluster, nodeNumber: nodes }) as const,
      ),
  },
  { weight: 1, arbitrary: onCluster('delete-cluster') },
  { weight: 1, arbitrary: onCluster('balance') },
  { weight: 2, arbitrary: onCluster('delete-free-nodes') },
  { weight: 3, arbitrary: onCluster('expand') },
  { weight: 2, arbitrary: onCluster('rebalance') },
  { weight: 1, arbitrary: onCluster('pause-migrations') },
  { weight: 2, arbitrary: onCluster('resume-migrations') },
  { weight: 1, arbitrary: onCluster('cancel-migrations') },
  {
    weight: 10,
    arbitrary: fc
      .tuple(
        fc.constantFrom('add-nodes', 'add-nodes-up-to', 'shrink', 'scale', 'scale'),
        name,
        nodeNumber,
      )
      .map(([kind, cluster, nodes]) => ({ kind, name: cluster, nodeNumber: nodes }) as const),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(name, fc.constantFrom('16', '32')).map(
      ([cluster, count]) =>
        ({
          kind: 'change-config',
          name: cluster,
          changes: [['migration_scan_count', count]],
        }) as const,
    ),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(proxyNumber, fc.constantFrom('r1', 'r2', 'r3'))
      .map(
        ([n, reporterId]) => ({ kind: 'report-failure', address: proxyAt(n), reporterId }) as const,
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(proxyNumber, fc.constantFrom('r1', 'r2', 'r3'))
      .map(
        ([n, reporterId]) =>
          ({ kind: 'withdraw-report', address: proxyAt(n), reporterId }) as const,
      ),
  },
  { weight: 7, arbitrary: onProxy('failover') },
  { weight: 1, arbitrary: fc.constant({ kind: 'purge-failures' } as const) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 400 })
      .map((n) => ({ kind: 'set-epoch', epoch: epoch(n) }) as const),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 400 })
      .map((n) => ({ kind: 'recover-epoch', proxyEpochMax: epoch(n) }) as const),
  },
  {
    weight: 24,
    arbitrary: fc.nat({ max: 1000 }).map((choice) => ({ kind: 'commit-some', choice }) as const),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(1, 30, 60).map((seconds) => ({ kind: 'pass', seconds }) as const),
  },
);

/** The command that an action stands for in a state; null when there is none. */
export function commandOf(action: StoreAction, state: StoreState): StoreCommand | null {
  if (action.kind === 'pass') return null;
  if (action.kind !== 'commit-some') return action;
  const migrations = [...state.clusters.values()].flatMap(
    (cluster) => clusterMigrations(cluster, 1).migrations,
  );
  const chosen = migrations[action.choice % Math.max(1, migrations.length)];
  return chosen === undefined ? null : { kind: 'commit-migration', task: chosen.task };
}

function onProxy<K extends 'remove-proxy' | 'failover'>(
  kind: K,
): fc.Arbitrary<{ kind: K; address: NodeAddress }> {
  return proxyNumber.map((n) => ({ kind, address: proxyAt(n) }));
}

function onCluster<K extends StoreCommand['kind']>(kind: K) {
  return name.map((cluster) => ({ kind, name: cluster }));
}
