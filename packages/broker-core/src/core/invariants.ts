import type { Chunk, ChunkPart, StoredCluster, StoredMigration } from '@undermoon/broker-api';
import { proxyToJson, type NodeAddress } from '@undermoon/cluster-meta';
import { countSlots, equalRanges, SLOT_COUNT, type SlotRange } from '@undermoon/slots';
import { CHUNK_PARTS, type StoreState } from './model.ts';
import { clusterOf, proxyView } from './query.ts';

/**
 * What is wrong with a state, as sentences; empty for a sound one. A state that is not sound is never
 * loaded, because proxies would be told contradictory things.
 */
export function storeViolations(state: StoreState): string[] {
  return [
    ...epochViolations(state),
    ...membershipViolations(state),
    ...[...state.clusters.values()].flatMap((cluster) => [
      ...slotViolations(cluster),
      ...migrationViolations(cluster),
    ]),
  ];
}

/** Chunks with both halves on one host. Not wrong, but this broker does not make them. */
export function placementViolations(state: StoreState): string[] {
  return [...state.clusters.values()].flatMap((cluster) =>
    cluster.chunks
      .filter((chunk) => chunk.hosts[0] === chunk.hosts[1])
      .map((chunk) => `${cluster.name}: both halves of a chunk are on host ${chunk.hosts[0]}`),
  );
}

/** What is wrong with going from one state to the next: epochs rise, and do so when a document changes. */
export function transitionViolations(
  before: StoreState,
  after: StoreState,
  migrationLimit: number,
): string[] {
  const violations: string[] = [];
  if (after.globalEpoch < before.globalEpoch) violations.push('the global epoch fell');
  for (const [name, cluster] of after.clusters) {
    if (cluster.epoch < (before.clusters.get(name)?.epoch ?? 0)) {
      violations.push(`${name}: the cluster's epoch fell`);
    }
  }
  for (const address of before.proxies.keys()) {
    if (!after.proxies.has(address)) continue;
    if (documentEpoch(after, address) > documentEpoch(before, address)) continue;
    if (hasSameSource(before, after, address)) continue;
    const old = proxyView(before, address, migrationLimit);
    const now = proxyView(after, address, migrationLimit);
    if (old === null || now === null) continue;
    const oldText = JSON.stringify(proxyToJson({ ...old, epoch: now.epoch }));
    if (oldText !== JSON.stringify(proxyToJson(now))) {
      violations.push(`${address}: its document changed without a higher epoch`);
    }
  }
  return violations;
}

function documentEpoch(state: StoreState, address: NodeAddress): number {
  return clusterOf(state, address)?.epoch ?? state.globalEpoch;
}

// A document follows from records of proxies and the cluster, and these are never edited.
function hasSameSource(before: StoreState, after: StoreState, address: NodeAddress): boolean {
  return (
    before.proxies === after.proxies &&
    before.failedProxies === after.failedProxies &&
    clusterOf(before, address) === clusterOf(after, address)
  );
}

function epochViolations(state: StoreState): string[] {
  return [...state.clusters]
    .filter(([, cluster]) => cluster.epoch > state.globalEpoch)
    .map(([name]) => `${name}: the cluster's epoch is above the global one`);
}

function membershipViolations(state: StoreState): string[] {
  const violations: string[] = [];
  const homes = new Map<NodeAddress, string>();
  for (const [name, cluster] of state.clusters) {
    if (cluster.name !== name) violations.push(`${name}: stored as ${cluster.name}`);
    for (const [index, chunk] of cluster.chunks.entries()) {
      const where = `${name}: chunk ${index}`;
      for (const half of CHUNK_PARTS) {
        const address = chunk.proxyAddresses[half];
        if (homes.has(address)) violations.push(`${where}: ${address} is in two places`);
        homes.set(address, name);
        const faults = recordViolations(state, cluster, chunk, half);
        violations.push(...faults.map((fault) => `${where}: ${address} ${fault}`));
      }
    }
  }
  for (const [address, proxy] of state.proxies) {
    if (proxy.proxyAddress !== address) violations.push(`${address}: stored under another address`);
    if (proxy.cluster !== null && homes.get(address) !== proxy.cluster) {
      violations.push(`${address}: no chunk of its cluster ${proxy.cluster} has it`);
    }
  }
  return violations;
}

function recordViolations(
  state: StoreState,
  cluster: StoredCluster,
  chunk: Chunk,
  half: ChunkPart,
): string[] {
  const proxy = state.proxies.get(chunk.proxyAddresses[half]);
  if (proxy === undefined) return ['is not registered'];
  const faults: string[] = [];
  if (proxy.cluster !== cluster.name) faults.push('is not registered as a member');
  const nodes = chunk.nodeAddresses.slice(2 * half, 2 * half + 2);
  if (proxy.nodeAddresses.some((node, i) => node !== nodes[i])) {
    faults.push('is registered with other nodes');
  }
  return faults;
}

// Each slot is stable at one part, or at the source of one migration.
function slotViolations(cluster: StoredCluster): string[] {
  const owned: SlotRange[] = [];
  for (const chunk of cluster.chunks) {
    for (const part of CHUNK_PARTS) {
      owned.push(...(chunk.stableSlots[part] ?? []));
      for (const entry of chunk.migratingSlots[part]) {
        if (entry.isMigrating) owned.push(...entry.ranges);
      }
    }
  }
  owned.sort(([left], [right]) => left - right);
  let next = 0;
  for (const [start, end] of owned) {
    if (start > next) break;
    next = Math.max(next, end + 1);
  }
  if (next < SLOT_COUNT) return [`${cluster.name}: slot ${next} has no owner`];
  const total = countSlots(owned);
  return total > SLOT_COUNT ? [`${cluster.name}: ${total - SLOT_COUNT} slots have two owners`] : [];
}

function migrationViolations(cluster: StoredCluster): string[] {
  const violations: string[] = [];
  for (const [index, chunk] of cluster.chunks.entries()) {
    for (const part of CHUNK_PARTS) {
      for (const entry of chunk.migratingSlots[part]) {
        const where = `${cluster.name}: a migration of chunk ${index} part ${part}`;
        const { srcChunkIndex, srcChunkPart, dstChunkIndex, dstChunkPart } = entry.meta;
        const home = entry.isMigrating
          ? srcChunkIndex === index && srcChunkPart === part
          : dstChunkIndex === index && dstChunkPart === part;
        if (!home) violations.push(`${where} belongs to another part`);
        if (twinCount(cluster, entry) !== 1) violations.push(`${where} has no single other copy`);
        if (entry.meta.epoch > cluster.epoch) violations.push(`${where} has a later epoch`);
      }
    }
  }
  return violations;
}

function twinCount(cluster: StoredCluster, entry: StoredMigration): number {
  const { meta } = entry;
  const [index, part] = entry.isMigrating
    ? [meta.dstChunkIndex, meta.dstChunkPart]
    : [meta.srcChunkIndex, meta.srcChunkPart];
  const others = cluster.chunks[index]?.migratingSlots[part] ?? [];
  return others.filter(
    (other) =>
      other.isMigrating !== entry.isMigrating &&
      other.isHeld === entry.isHeld &&
      other.meta.epoch === meta.epoch &&
      other.meta.srcChunkIndex === meta.srcChunkIndex &&
      other.meta.srcChunkPart === meta.srcChunkPart &&
      other.meta.dstChunkIndex === meta.dstChunkIndex &&
      other.meta.dstChunkPart === meta.dstChunkPart &&
      equalRanges(other.ranges, entry.ranges),
  ).length;
}
