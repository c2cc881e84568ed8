import {
  DEFAULT_WEIGHT,
  type Chunk,
  type ChunkPart,
  type StoredCluster,
  type StoredMigration,
} from '@undermoon/broker-api';
import { nextEpoch, type ClusterName, type Epoch } from '@undermoon/cluster-meta';
import { countSlots, subtractRanges, type SlotRanges } from '@undermoon/slots';
import { allocateChunks, allocateOrdered, chunkOf, proxiesOf } from './allocate.ts';
import { clusterNotFound } from './cluster-ops.ts';
import { done, refused, type ApplyContext, type StoreEvent, type StoreStep } from './command.ts';
import { bumpCluster } from './epoch.ts';
import {
  CHUNK_PARTS,
  isMigrating,
  MASTERS_PER_CHUNK,
  NODES_PER_CHUNK,
  PROXIES_PER_CHUNK,
  withMembership,
  type StoreState,
} from './model.ts';
import { chunkCountOf, invalidNodeNumber, NODE_NUMBER_MAX } from './node-number.ts';
import { planMoves, slotQuotas, type CutEnd, type SlotMove } from './plan-slots.ts';

/** Adds chunks without slots to a cluster. */
export function addNodes(state: StoreState, name: ClusterName, nodeNumber: number): StoreStep {
  const cluster = state.clusters.get(name);
  if (cluster === undefined) return clusterNotFound(state, name);
  if (isMigrating(cluster)) return migrationRunning(state, name);
  const present = cluster.chunks.length;
  const number = { nodeNumber, most: NODE_NUMBER_MAX - present * NODES_PER_CHUNK };
  const chunkCount = chunkCountOf(number);
  if (chunkCount === null) return invalidNodeNumber(state, number);
  const allocation = state.enableOrderedProxy
    ? allocateOrdered(state, chunkCount, present * PROXIES_PER_CHUNK)
    : allocateChunks(state, chunkCount, cluster);
  if (!allocation.ok) return { state, events: [], outcome: allocation };
  const added = allocation.pairs.map(chunkOf);
  const chunks = [...cluster.chunks, ...added];
  const joined = withMembership(state, proxiesOf(added), name);
  const event: StoreEvent = { kind: 'nodes-added', name, nodeNumber };
  return done(bumpCluster(joined, { ...cluster, chunks }), [event]);
}

/** Adds as many nodes as a cluster lacks to have `nodeNumber` of them. */
export function addNodesUpTo(state: StoreState, name: ClusterName, nodeNumber: number): StoreStep {
  const cluster = state.clusters.get(name);
  if (cluster === undefined) return clusterNotFound(state, name);
  const present = cluster.chunks.length * NODES_PER_CHUNK;
  if (nodeNumber <= present) {
    return refused(
      state,
      'NODE_NUM_ALREADY_ENOUGH',
      `cluster ${name} has ${present} nodes already`,
    );
  }
  return addNodes(state, name, nodeNumber - present);
}

/** Takes the chunks without slots out of a cluster; their proxies become free. */
export function deleteFreeNodes(state: StoreState, name: ClusterName): StoreStep {
  const cluster = state.clusters.get(name);
  if (cluster === undefined) return clusterNotFound(state, name);
  if (isMigrating(cluster)) return migrationRunning(state, name);
  const removed = cluster.chunks.filter(isFree);
  if (removed.length === 0) {
    return refused(state, 'FREE_NODE_NOT_FOUND', `all nodes of cluster ${name} have slots`);
  }
  const chunks = cluster.chunks.filter((chunk) => !isFree(chunk));
  const freed = withMembership(state, proxiesOf(removed), null);
  const nodeNumber = removed.length * NODES_PER_CHUNK;
  const event: StoreEvent = { kind: 'nodes-removed', name, nodeNumber };
  return done(bumpCluster(freed, { ...cluster, chunks }), [event]);
}

/** Plans the moves that give slots to the chunks without any. */
export function expand(state: StoreState, name: ClusterName, context: ApplyContext): StoreStep {
  return planAll(state, name, {
    context,
    isDone: (cluster) => !cluster.chunks.some(isFree),
  });
}

/** Plans the moves after which all nodes have their share of the slots. */
export function rebalance(state: StoreState, name: ClusterName, context: ApplyContext): StoreStep {
  return planAll(state, name, { context, isDone: () => false });
}

/** Plans the moves that leave all slots to the first chunks, `nodeNumber` nodes of them. */
export function shrink(
  state: StoreState,
  { name, nodeNumber }: NodeTarget,
  context: ApplyContext,
): StoreStep {
  const cluster = state.clusters.get(name);
  if (cluster === undefined) return clusterNotFound(state, name);
  if (cluster.chunks.some(isFree)) {
    return refused(state, 'FREE_NODE_FOUND', `nodes of cluster ${name} have no slots: remove them`);
  }
  if (isMigrating(cluster)) return migrationRunning(state, name);
  const number = { nodeNumber, most: (cluster.chunks.length - 1) * NODES_PER_CHUNK };
  const chunkCount = chunkCountOf(number);
  if (chunkCount === null) return invalidNodeNumber(state, number);
  return planEven(state, cluster, { chunkCount, cutEnd: 'low', isHeld: isBudgeted(context) });
}

/**
 * Brings a cluster to `nodeNumber` nodes as far as one mutation can: adds the nodes that it lacks, or plans
 * the moves that empty those it has too many. Nodes without slots that are not wanted are removed. New nodes
 * get slots by `expand`, once their proxies know their cluster.
 */
export function scale(
  state: StoreState,
  { name, nodeNumber }: NodeTarget,
  context: ApplyContext,
): StoreStep {
  const cluster = state.clusters.get(name);
  if (cluster === undefined) return clusterNotFound(state, name);
  if (isMigrating(cluster)) return migrationRunning(state, name);
  const number = { nodeNumber, most: NODE_NUMBER_MAX };
  const wanted = chunkCountOf(number);
  if (wanted === null) return invalidNodeNumber(state, number);
  const present = cluster.chunks.length;
  if (wanted === present) return done(state, []);
  if (wanted > present) return addNodes(state, name, nodeNumber - present * NODES_PER_CHUNK);
  const trimmed = cluster.chunks.some(isFree) ? deleteFreeNodes(state, name) : done(state, []);
  const left = (trimmed.state.clusters.get(name)?.chunks.length ?? 0) * NODES_PER_CHUNK;
  if (left === nodeNumber) return trimmed;
  const then =
    left < nodeNumber
      ? addNodes(trimmed.state, name, nodeNumber - left)
      : shrink(trimmed.state, { name, nodeNumber }, context);
  if (!then.outcome.ok) return { state, events: [], outcome: then.outcome };
  return { ...then, events: [...trimmed.events, ...then.events] };
}

/** Whether a chunk has no slots and is to get none. */
export function isFree(chunk: Chunk): boolean {
  return CHUNK_PARTS.every(
    (part) => chunk.stableSlots[part] === null && chunk.migratingSlots[part].length === 0,
  );
}

interface NodeTarget {
  readonly name: ClusterName;
  readonly nodeNumber: number;
}

interface EvenPlan {
  /** Chunks that are to have slots: the first ones. */
  readonly chunkCount: number;
  readonly cutEnd: CutEnd;
  /** Whether the migrations wait for room on their hosts. */
  readonly isHeld: boolean;
}

// Plans moves between all chunks, unless the cluster needs none.
function planAll(
  state: StoreState,
  name: ClusterName,
  { context, isDone }: { context: ApplyContext; isDone: (cluster: StoredCluster) => boolean },
): StoreStep {
  const cluster = state.clusters.get(name);
  if (cluster === undefined) return clusterNotFound(state, name);
  if (isMigrating(cluster)) return migrationRunning(state, name);
  if (isDone(cluster)) {
    return refused(state, 'SLOTS_ALREADY_EVEN', `all nodes of cluster ${name} have slots`);
  }
  const { length: chunkCount } = cluster.chunks;
  return planEven(state, cluster, { chunkCount, cutEnd: 'high', isHeld: isBudgeted(context) });
}

function planEven(state: StoreState, cluster: StoredCluster, plan: EvenPlan): StoreStep {
  const owned = cluster.chunks.flatMap((chunk) => chunk.stableSlots.map((ranges) => ranges ?? []));
  const weights = cluster.chunks.flatMap((chunk, index) => {
    const weight = index < plan.chunkCount ? weightOf(state, chunk) : 0;
    return [weight, weight];
  });
  const moves = planMoves(owned, slotQuotas(owned.map(countSlots), weights), plan.cutEnd);
  const { name } = cluster;
  if (moves.length === 0) {
    return refused(state, 'SLOTS_ALREADY_EVEN', `the slots of cluster ${name} are spread evenly`);
  }
  const planned = withMoves(cluster, moves, {
    epoch: nextEpoch(state.globalEpoch),
    isHeld: plan.isHeld,
  });
  const event: StoreEvent = { kind: 'migrations-planned', name, taskCount: moves.length };
  return done(bumpCluster(state, planned), [event]);
}

/** Both proxies of a chunk hold the keys of both of its parts. */
function weightOf(state: StoreState, { proxyAddresses }: Chunk): number {
  const weights = proxyAddresses.map((address) => state.proxies.get(address)?.weight);
  return Math.min(...weights.map((weight) => weight ?? DEFAULT_WEIGHT));
}

// Tasks carry the epoch that the cluster is about to get.
function withMoves(
  cluster: StoredCluster,
  moves: readonly SlotMove[],
  { epoch, isHeld }: { readonly epoch: Epoch; readonly isHeld: boolean },
): StoredCluster {
  const stable = cluster.chunks.flatMap((chunk) => [...chunk.stableSlots]);
  const tasks = cluster.chunks.flatMap((): StoredMigration[][] => [[], []]);
  for (const { source, destination, ranges } of moves) {
    const from = placeOf(source);
    const to = placeOf(destination);
    const meta = {
      epoch,
      srcChunkIndex: from.chunkIndex,
      srcChunkPart: from.part,
      dstChunkIndex: to.chunkIndex,
      dstChunkPart: to.part,
    };
    stable[source] = remainingOf(stable[source] ?? [], ranges);
    tasks[source]?.push({ ranges, isMigrating: true, isHeld, meta });
    tasks[destination]?.push({ ranges, isMigrating: false, isHeld, meta });
  }
  const chunks = cluster.chunks.map((chunk, index): Chunk => {
    const first = 2 * index;
    return {
      ...chunk,
      stableSlots: [stable[first] ?? null, stable[first + 1] ?? null],
      migratingSlots: [tasks[first] ?? [], tasks[first + 1] ?? []],
    };
  });
  return { ...cluster, chunks };
}

function remainingOf(ranges: SlotRanges, moved: SlotRanges): SlotRanges | null {
  const rest = subtractRanges(ranges, moved);
  return rest.length === 0 ? null : rest;
}

function placeOf(master: number): { readonly chunkIndex: number; readonly part: ChunkPart } {
  return { chunkIndex: Math.floor(master / MASTERS_PER_CHUNK), part: master % 2 === 0 ? 0 : 1 };
}

function isBudgeted(context: ApplyContext): boolean {
  return context.hostMigrationLimit > 0;
}

function migrationRunning(state: StoreState, name: ClusterName): StoreStep {
  return refused(state, 'MIGRATION_RUNNING', `slots of cluster ${name} are being moved`);
}
