import * as fc from 'fast-check';
import { normalizeRanges, type SlotRanges } from '@undermoon/slots';
import {
  parseClusterName,
  parseEpoch,
  parseNodeAddress,
  type ClusterConfig,
  type ClusterMeta,
  type ClusterName,
  type Epoch,
  type ListedReplica,
  type MigrationMeta,
  type MigrationTask,
  type NodeAddress,
  type NodeMeta,
  type ProxyMeta,
  type ReplEntry,
  type ReplPeer,
  type SetCluster,
  type SetRepl,
  type TaggedSlots,
} from '../src/index.ts';
import type { AddressSlots } from '../src/umctl/commands.ts';

function present<T>(value: T | null): T {
  if (value === null) throw new Error('an arbitrary made something that is not valid');
  return value;
}

const epoch: fc.Arbitrary<Epoch> = fc
  .oneof(fc.nat(1000), fc.maxSafeNat())
  .map((value) => present(parseEpoch(value)));

const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6().map((text) => `[${text}]`),
  fc.domain().filter((name) => name.length < 256),
  fc.constantFrom('10.0.0.1', 'localhost', 'peer', 'replica', 'config', 'migrating'),
);

const nodeAddress: fc.Arbitrary<NodeAddress> = fc
  .tuple(host, fc.nat(65_535))
  .map(([name, port]) => present(parseNodeAddress(`${name}:${port}`)));

const clusterName: fc.Arbitrary<ClusterName> = fc
  .oneof(fc.stringMatching(/^[A-Za-z0-9@_-]{1,31}$/), fc.constantFrom('PEER', 'CONFIG', 'v2'))
  .map((text) => present(parseClusterName(text)));

const slot = fc.nat(16_383);

const slotRanges: fc.Arbitrary<SlotRanges> = fc
  .array(fc.tuple(slot, slot), { maxLength: 4 })
  .map((ranges) => present(normalizeRanges(ranges)));

const migrationMeta: fc.Arbitrary<MigrationMeta> = fc.record({
  epoch,
  srcProxyAddress: nodeAddress,
  srcNodeAddress: nodeAddress,
  dstProxyAddress: nodeAddress,
  dstNodeAddress: nodeAddress,
});

const movingSlots: fc.Arbitrary<TaggedSlots> = fc.record({
  ranges: slotRanges,
  tag: fc.record({ kind: fc.constantFrom('migrating', 'importing'), meta: migrationMeta }),
});

export const taggedSlots: fc.Arbitrary<TaggedSlots> = fc.oneof(
  fc.record({ ranges: slotRanges, tag: fc.constant({ kind: 'none' as const }) }),
  movingSlots,
);

const slotsOfOne = fc.array(taggedSlots, { maxLength: 3 });

const addressSlots: fc.Arbitrary<readonly AddressSlots[]> = fc.uniqueArray(
  fc.record({ address: nodeAddress, slots: slotsOfOne }),
  { maxLength: 3, selector: ({ address }) => address },
);

export const clusterConfig: fc.Arbitrary<ClusterConfig> = fc.record({
  compressionStrategy: fc.constantFrom('disabled', 'set_get_only', 'allow_all'),
  migration: fc.record({
    maxMigrationTime: fc.maxSafeNat(),
    maxBlockingTime: fc.maxSafeNat(),
    scanInterval: fc.nat(),
    scanCount: fc.integer({ min: 1 }),
  }),
  splitCommands: fc.boolean(),
});

const listedReplicas: fc.Arbitrary<readonly ListedReplica[]> = fc.array(
  fc.record({ master: nodeAddress, address: nodeAddress }),
  { maxLength: 3 },
);

export const setCluster: fc.Arbitrary<SetCluster> = fc.record({
  epoch,
  force: fc.boolean(),
  clusterName: fc.option(clusterName),
  local: addressSlots,
  peers: addressSlots,
  replicas: fc.option(listedReplicas),
  config: clusterConfig,
  configWarning: fc.constant(null),
});

const replPeers: fc.Arbitrary<readonly ReplPeer[]> = fc.array(
  fc.record({ nodeAddress, proxyAddress: nodeAddress }),
  { maxLength: 2 },
);

const role = fc.constantFrom('master' as const, 'replica' as const);

const replEntry: fc.Arbitrary<ReplEntry> = fc.record({
  role,
  clusterName: fc.option(clusterName),
  nodeAddress,
  peers: replPeers,
});

export const setRepl: fc.Arbitrary<SetRepl> = fc.record({
  epoch,
  force: fc.boolean(),
  entries: fc.uniqueArray(replEntry, { maxLength: 4, selector: (entry) => entry.nodeAddress }),
});

const nodeMeta: fc.Arbitrary<NodeMeta> = fc.record({
  address: nodeAddress,
  proxyAddress: nodeAddress,
  slots: slotsOfOne,
  role,
  peers: replPeers,
});

export const proxyMeta: fc.Arbitrary<ProxyMeta> = fc.record({
  address: nodeAddress,
  replicaAddress: fc.option(nodeAddress),
  clusterName: fc.option(clusterName),
  epoch,
  nodes: fc.uniqueArray(nodeMeta, { maxLength: 3, selector: (node) => node.address }),
  peers: fc.uniqueArray(fc.record({ proxyAddress: nodeAddress, slots: slotsOfOne }), {
    maxLength: 3,
    selector: (peer) => peer.proxyAddress,
  }),
  replicas: fc.option(listedReplicas),
  clusterConfig: fc.option(clusterConfig),
});

export const clusterMeta: fc.Arbitrary<ClusterMeta> = fc.record({
  name: clusterName,
  epoch,
  nodes: fc.array(nodeMeta, { maxLength: 4 }),
  replicas: listedReplicas,
  replicaAddresses: fc.array(
    fc.record({ proxyAddress: nodeAddress, replicaAddress: nodeAddress }),
    // Replicas are in the document where there is one.
    { minLength: 1, maxLength: 3 },
  ),
  config: clusterConfig,
});

export const migrationTask: fc.Arbitrary<MigrationTask> = fc.record({
  clusterName,
  slots: movingSlots,
});
