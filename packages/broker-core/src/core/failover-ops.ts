// Failover of a chunk half, h being the half of the address that is down:
//
//   position              other half up                         other half reported or failed
//   some master on h      flip away from h, mark failed,        nothing changes, NO_AVAILABLE_RESOURCE:
//                         replace                               there is nowhere to go
//   no master on h        mark failed, replace                  nothing changes, NO_AVAILABLE_RESOURCE
//
// "Replace" puts a free proxy into the half, or leaves the half waiting: a member in the set of failed
// proxies is waiting, and is tried again after every mutation. In ordered mode nothing is marked or
// replaced, and a failover that cannot flip answers without a refusal.

import { DEFAULT_WEIGHT, type Chunk, type StoredCluster } from '@undermoon/broker-api';
import type { NodeAddress } from '@undermoon/cluster-meta';
import { isAllocatable } from './allocate.ts';
import { clusterNotFound } from './cluster-ops.ts';
import {
  done,
  refused,
  type ApplyContext,
  type StoreCommand,
  type StoreEvent,
  type StoreStep,
} from './command.ts';
import { bumpCluster } from './epoch.ts';
import { promotedByBalance } from './balance-plan.ts';
import { dropReports, isDown, isReported, markFailed } from './failure-log.ts';
import { renewMigrations } from './migration-ops.ts';
import {
  CHUNK_PARTS,
  findMember,
  halfOf,
  masterOf,
  otherHalf,
  positionAwayFrom,
  withChunk,
  withEntry,
  withMembership,
  type MemberPlace,
  type StoreState,
} from './model.ts';
import { chooseReplacement } from './replacement.ts';

/** Takes a proxy out of service: its chunk's roles move to the other half, and another proxy replaces it. */
export function failover(
  state: StoreState,
  address: NodeAddress,
  context: ApplyContext,
): StoreStep {
  const proxy = state.proxies.get(address);
  if (proxy === undefined) {
    return refused(state, 'PROXY_NOT_FOUND', `proxy ${address} is not registered`);
  }
  if (proxy.cluster === null) return failFreeProxy(state, address, context);
  const place = findMember(state, address);
  return place === null
    ? clusterNotFound(state, proxy.cluster)
    : failMember(state, address, place, context);
}

/** Tries again to replace the members that were failed over without a replacement. */
export function retryReplacements(state: StoreState, context: ApplyContext): StoreStep {
  let next = state;
  const events: StoreEvent[] = [];
  if (state.enableOrderedProxy || state.failedProxies.size === 0) return done(state, events);
  const hasFree = [...state.proxies.values()].some((proxy) => isAllocatable(state, proxy));
  for (const address of [...state.failedProxies].toSorted()) {
    const place = findMember(next, address);
    if (place === null || isDown(next, survivorOf(place), context)) continue;
    // Many may wait for a long time: what cannot be helped should cost nothing.
    if (!hasFree && !holdsMaster(place)) continue;
    const step = failMember(next, address, place, context);
    next = step.state;
    events.push(...step.events);
  }
  return done(next, events);
}

/**
 * Puts masters back on both halves of every chunk that has no failed or reported half. A replica that is not in
 * step stays one; the refusal then names it, and the other chunks are balanced all the same.
 */
export function balance(
  state: StoreState,
  { name, inStep }: Extract<StoreCommand, { kind: 'balance' }>,
): StoreStep {
  const cluster = state.clusters.get(name);
  if (cluster === undefined) return clusterNotFound(state, name);
  const behind: NodeAddress[] = [];
  const chunks = cluster.chunks.map((chunk): Chunk => {
    const promoted = promotedByBalance(state, chunk);
    if (promoted === null) return chunk;
    if (inStep === undefined || inStep.includes(promoted.nodeAddress)) {
      return { ...chunk, rolePosition: 'Normal' };
    }
    behind.push(promoted.nodeAddress);
    return chunk;
  });
  const isSame = chunks.every((chunk, index) => chunk === cluster.chunks[index]);
  const next = isSame ? state : storeMoved(state, cluster, { ...cluster, chunks });
  const events: StoreEvent[] = isSame ? [] : [{ kind: 'cluster-balanced', name }];
  if (behind.length === 0) return done(next, events);
  const message = `not in step with their masters, and left as replicas: ${behind.slice(0, 5).join(', ')}`;
  return refused(next, 'PROXY_NOT_SYNC', message, events);
}

// A coordinator may act on a list that it fetched before the proxy registered again: without enough reports
// about it, a free proxy is in service.
function failFreeProxy(state: StoreState, address: NodeAddress, context: ApplyContext): StoreStep {
  const wasFailed = state.failedProxies.has(address);
  if (!wasFailed && !isReported(state, address, context)) return done(state, []);
  const failed = markFailed(dropReports(state, address), address, true);
  return done(failed, wasFailed ? [] : [{ kind: 'proxy-failed', address }]);
}

function failMember(
  state: StoreState,
  address: NodeAddress,
  place: MemberPlace,
  context: ApplyContext,
): StoreStep {
  const survivor = survivorOf(place);
  const { name } = place.cluster;
  if (isDown(state, survivor, context)) {
    const events: StoreEvent[] = [{ kind: 'failover-withheld', name, address, survivor }];
    if (state.enableOrderedProxy) return done(state, events);
    const message = `the other half of the chunk, ${survivor}, is down too`;
    return refused(state, 'NO_AVAILABLE_RESOURCE', message, events);
  }
  const flipped = flipAway(state, place);
  const events: StoreEvent[] =
    flipped === state ? [] : [{ kind: 'roles-flipped', name, from: address }];
  if (state.enableOrderedProxy) return done(flipped, events);
  if (!state.failedProxies.has(address)) {
    events.push({ kind: 'proxy-failed', address }, { kind: 'replacement-pending', address });
  }
  return replace(markFailed(flipped, address, true), address, events);
}

function flipAway(state: StoreState, place: MemberPlace): StoreState {
  const { cluster, chunk, chunkIndex, half } = place;
  if (!holdsMaster(place)) return state;
  const rolePosition = positionAwayFrom(half);
  return storeMoved(state, cluster, withChunk(cluster, chunkIndex, { ...chunk, rolePosition }));
}

function replace(
  state: StoreState,
  address: NodeAddress,
  events: readonly StoreEvent[],
): StoreStep {
  const place = findMember(state, address);
  if (place === null) throw new Error(`member ${address} vanished during its failover`);
  const { cluster, chunk, chunkIndex, half } = place;
  const survivorHost = chunk.hosts[otherHalf(half)];
  const replacement = chooseReplacement(state, {
    failedHost: chunk.hosts[half],
    survivorHost,
    survivorZone: state.proxies.get(survivorOf(place))?.zone ?? null,
    weight: state.proxies.get(address)?.weight ?? DEFAULT_WEIGHT,
  });
  if (replacement === null) {
    const message = `no free proxy on another host than ${survivorHost}, that of ${survivorOf(place)}`;
    return refused(state, 'NO_AVAILABLE_RESOURCE', message, events);
  }
  const nodes = chunk.nodeAddresses;
  const [first, second] = replacement.nodeAddresses;
  const changed: Chunk = {
    ...chunk,
    hosts: withEntry(chunk.hosts, half, replacement.host),
    proxyAddresses: withEntry(chunk.proxyAddresses, half, replacement.proxyAddress),
    nodeAddresses:
      half === 0 ? [first, second, nodes[2], nodes[3]] : [nodes[0], nodes[1], first, second],
  };
  const freed = withMembership(dropReports(state, address), [address], null);
  const joined = withMembership(freed, [replacement.proxyAddress], cluster.name);
  const next = bumpCluster(joined, withChunk(cluster, chunkIndex, changed));
  const by = replacement.proxyAddress;
  const replaced: StoreEvent = {
    kind: 'proxy-replaced',
    name: cluster.name,
    address,
    replacement: by,
  };
  const told = events.filter((event) => event.kind !== 'replacement-pending');
  return done(next, [...told, replaced], by);
}

// Stores a cluster of which chunks took other positions, and gives their migrations the new epoch.
function storeMoved(state: StoreState, before: StoredCluster, after: StoredCluster): StoreState {
  const bumped = bumpCluster(state, after);
  const renewed = renewMigrations(before, after, bumped.globalEpoch);
  const clusters = new Map(bumped.clusters);
  clusters.set(after.name, { ...renewed, epoch: bumped.globalEpoch });
  return { ...bumped, clusters };
}

function holdsMaster({ chunk, half }: MemberPlace): boolean {
  return CHUNK_PARTS.some((part) => halfOf(masterOf(chunk.rolePosition, part)) === half);
}

function survivorOf({ chunk, half }: MemberPlace): NodeAddress {
  return chunk.proxyAddresses[otherHalf(half)];
}
