// What the broker told last: which proxies exist, which are failed, and the clusters' documents. The epoch
// tells whether anything changed. What a watch tells of every change since everything was read need not be read
// again; otherwise everything is, when the epoch rose.

import type {
  ClusterMeta,
  ClusterName,
  Epoch,
  NodeAddress,
  ProxyMeta,
} from '@undermoon/cluster-meta';
import type { Step } from '@undermoon/runtime';
import type { BrokerCursor } from './broker-cursor.ts';
import { membersOf } from './documents.ts';
import type { CoordinatorEffect } from './effect.ts';
import { notify } from './effect.ts';
import type { CoordinatorEvent, Moment } from './event.ts';
import { jittered } from './schedule.ts';
import type { CoordinatorSettings } from './settings.ts';

export interface BrokerView {
  readonly reach: 'unknown' | 'reachable' | 'unreachable';
  readonly inventory: ReadSlot;
  readonly documents: ReadSlot;
  /** Epoch of the last inventory. */
  readonly epoch: Epoch | null;
  /** Epoch before the documents were read that we hold completely. */
  readonly documentsEpoch: Epoch | null;
  /** Epoch before the documents are read that are under way. */
  readonly readingEpoch: Epoch | null;
  /** Every change above `from` and up to `to` was told by a watch, and taken. Null: none was. */
  readonly watched: { readonly from: Epoch; readonly to: Epoch } | null;
  /** Since when the inventory is ahead of what is held. */
  readonly staleSince: number;
  readonly registered: readonly NodeAddress[];
  readonly failed: ReadonlySet<NodeAddress>;
  readonly clusters: ReadonlyMap<ClusterName, ClusterMeta>;
  readonly members: ReadonlyMap<ClusterName, readonly NodeAddress[]>;
  readonly clusterOf: ReadonlyMap<NodeAddress, ClusterName>;
  readonly nextId: number;
}

/** A read that runs once at a time. */
export interface ReadSlot {
  readonly runningId: number | null;
  readonly startedAt: number;
  readonly nextAt: number;
}

const IDLE: ReadSlot = { runningId: null, startedAt: -Infinity, nextAt: -Infinity };

type ViewStep = Step<BrokerView, CoordinatorEffect>;
type Inventory = Extract<CoordinatorEvent, { kind: 'inventory' }>;
type Documents = Extract<CoordinatorEvent, { kind: 'documents' }>;
type FreeDocuments = Extract<CoordinatorEvent, { kind: 'free-documents' }>;

/** What a watch told. */
export interface WatchedChanges {
  readonly cursor: BrokerCursor;
  /** It continues the answer before, and all that it names was read. */
  readonly isGapless: boolean;
  readonly clusters: readonly ClusterMeta[];
  readonly removedClusters: readonly ClusterName[];
  readonly freeProxies: readonly ProxyMeta[];
  readonly removedProxies: readonly NodeAddress[];
}

/** A broker never heard of. */
export function newBrokerView(): BrokerView {
  return {
    reach: 'unknown',
    inventory: IDLE,
    documents: IDLE,
    epoch: null,
    documentsEpoch: null,
    readingEpoch: null,
    watched: null,
    staleSince: -Infinity,
    registered: [],
    failed: new Set(),
    clusters: new Map(),
    members: new Map(),
    clusterOf: new Map(),
    nextId: 1,
  };
}

/** Every proxy that is registered or in a cluster. */
export function knownProxies(view: BrokerView): ReadonlySet<NodeAddress> {
  return new Set([...view.registered, ...view.clusterOf.keys()]);
}

/** Members of clusters that are marked failed: still to be replaced. */
export function unreplacedProxies(view: BrokerView): readonly NodeAddress[] {
  return [...view.failed].filter((address) => view.clusterOf.has(address));
}

/** Up to which epoch everything that is there is held. */
function coveredEpoch({ documentsEpoch, watched }: BrokerView): Epoch | null {
  if (documentsEpoch === null || watched === null || documentsEpoch < watched.from) {
    return documentsEpoch;
  }
  return watched.to > documentsEpoch ? watched.to : documentsEpoch;
}

/** Starts the reads that are due. */
export function planReads(
  view: BrokerView,
  settings: CoordinatorSettings,
  moment: Moment & { readonly isWatching: boolean },
): ViewStep {
  const covered = coveredEpoch(view);
  let next = view;
  const effects: CoordinatorEffect[] = [];
  if (view.inventory.runningId === null && view.inventory.nextAt <= moment.at) {
    const id = next.nextId;
    effects.push({
      kind: 'read-inventory',
      id,
      knownEpoch: covered ?? view.epoch,
      withFailures: !settings.isFailoverDisabled,
    });
    const nextAt = moment.at + jittered(settings.tickMs, moment.draw);
    next = {
      ...next,
      nextId: id + 1,
      inventory: { runningId: id, startedAt: moment.at, nextAt },
    };
  }
  const isStale = view.epoch !== null && (covered === null || view.epoch > covered);
  // The answer of the watch is on its way, unless it has got lost.
  const isAwaited =
    moment.isWatching && covered !== null && moment.at < view.staleSince + settings.tickMs;
  if (
    isStale &&
    !isAwaited &&
    view.documents.runningId === null &&
    view.documents.nextAt <= moment.at
  ) {
    const id = next.nextId;
    effects.push({ kind: 'read-documents', id });
    next = {
      ...next,
      nextId: id + 1,
      readingEpoch: view.epoch,
      documents: { runningId: id, startedAt: moment.at, nextAt: moment.at },
    };
  }
  return { state: next, effects };
}

/** Takes an inventory. An epoch below the one before means another, older store. */
export function tookInventory(
  view: BrokerView,
  event: Inventory,
): ViewStep & { readonly wentBack: boolean } {
  const effects: CoordinatorEffect[] = [];
  if (view.reach === 'unreachable') effects.push(notify({ kind: 'broker-reachable' }));
  const wentBack = view.epoch !== null && event.epoch < view.epoch;
  if (wentBack && view.epoch !== null) {
    effects.push(notify({ kind: 'broker-went-back', fromEpoch: view.epoch, toEpoch: event.epoch }));
  }
  const base = withAddresses(wentBack ? withoutDocuments(view) : view, event);
  const covered = coveredEpoch(base);
  const wasStale = view.epoch !== null && covered !== null && view.epoch > covered;
  const state: BrokerView = {
    ...base,
    reach: 'reachable',
    epoch: event.epoch,
    staleSince: wasStale ? view.staleSince : event.at,
    failed: new Set(event.failed),
    inventory: { ...view.inventory, runningId: null },
  };
  return { state, effects, wentBack };
}

// A list that was made before the latest answer of the watch does not have what that told.
function withAddresses(view: BrokerView, { epoch, addresses }: Inventory): BrokerView {
  const { watched } = view;
  if (addresses === null) return view;
  if (watched === null || watched.to <= epoch) return { ...view, registered: addresses };
  const covered = coveredEpoch(view);
  if (covered !== null && covered > epoch) return view;
  return { ...view, registered: addresses, watched: { from: watched.to, to: watched.to } };
}

/** The broker did not give an inventory. */
export function missedInventory(view: BrokerView, code: string): ViewStep {
  const effects =
    view.reach === 'unreachable' ? [] : [notify({ kind: 'broker-unreachable', code })];
  const inventory = { ...view.inventory, runningId: null };
  return { state: { ...view, reach: 'unreachable', inventory }, effects };
}

/** Takes the clusters' documents, and asks for those of the proxies in no cluster. */
export function tookDocuments(
  view: BrokerView,
  settings: CoordinatorSettings,
  event: Documents,
): ViewStep {
  const clusters = new Map<ClusterName, ClusterMeta>();
  for (const name of event.names) {
    const known = view.clusters.get(name);
    if (known !== undefined) clusters.set(name, known);
  }
  for (const cluster of event.clusters) {
    const known = clusters.get(cluster.name);
    if (known === undefined || known.epoch <= cluster.epoch) clusters.set(cluster.name, cluster);
  }
  const next = withClusters(view, clusters);
  const addresses = next.registered.filter((address) => !next.clusterOf.has(address));
  const isIncomplete = event.unread.length > 0;
  if (addresses.length === 0)
    return { state: endRead(next, settings, event, isIncomplete), effects: [] };
  const readingEpoch = isIncomplete ? null : next.readingEpoch;
  return {
    state: { ...next, readingEpoch },
    effects: [{ kind: 'read-free-documents', id: event.id, addresses }],
  };
}

/** The end of a read of documents. */
export function tookFreeDocuments(
  view: BrokerView,
  settings: CoordinatorSettings,
  event: FreeDocuments,
): BrokerView {
  const isIncomplete = event.unread.length > 0 || view.readingEpoch === null;
  return endRead(view, settings, event, isIncomplete);
}

/** The documents could not be read: again after a tick. */
export function missedDocuments(
  view: BrokerView,
  settings: CoordinatorSettings,
  event: Moment & { readonly code: string },
): ViewStep {
  const notice = notify({ kind: 'broker-read-failed', what: 'documents', code: event.code });
  return { state: endRead(view, settings, event, true), effects: [notice] };
}

/** Takes one cluster's document, read ahead of the others. */
export function tookCluster(view: BrokerView, cluster: ClusterMeta): BrokerView {
  const known = view.clusters.get(cluster.name);
  if (known !== undefined && known.epoch > cluster.epoch) return view;
  return withClusters(view, new Map([...view.clusters, [cluster.name, cluster]]));
}

/** Takes what a watch told. A free proxy that was not known yet is registered now. */
export function tookChanges(view: BrokerView, changes: WatchedChanges): BrokerView {
  const clusters = new Map(view.clusters);
  for (const name of changes.removedClusters) clusters.delete(name);
  for (const cluster of changes.clusters) {
    const known = clusters.get(cluster.name);
    if (known === undefined || known.epoch <= cluster.epoch) clusters.set(cluster.name, cluster);
  }
  const registered = new Set(view.registered);
  for (const { address } of changes.freeProxies) registered.add(address);
  for (const cluster of changes.clusters) {
    for (const { proxyAddress } of cluster.nodes) registered.add(proxyAddress);
  }
  for (const address of changes.removedProxies) registered.delete(address);
  const watched = watchedAfter(view, changes);
  return { ...withClusters(view, clusters), registered: [...registered], watched };
}

// What is read as a whole at this time may lack what is told now, and have what is told to be gone.
function watchedAfter(
  view: BrokerView,
  { cursor, isGapless }: WatchedChanges,
): BrokerView['watched'] {
  const { epoch: to } = cursor;
  const goesOn = isGapless && view.documents.runningId === null;
  return goesOn && view.watched !== null ? { from: view.watched.from, to } : { from: to, to };
}

/** Makes the next tick look whether anything changed, and read it if the watch does not tell. */
export function recheck(view: BrokerView): BrokerView {
  return { ...view, inventory: { ...view.inventory, nextAt: -Infinity } };
}

/** Makes the next tick read everything again. */
export function forgetEpoch(view: BrokerView): BrokerView {
  return { ...view, documentsEpoch: null, inventory: { ...view.inventory, nextAt: -Infinity } };
}

/** Another broker may answer from now on. Answers under way belong to the old one and are dropped. */
export function brokersChanged(view: BrokerView): BrokerView {
  return { ...withoutDocuments(view), epoch: null, inventory: IDLE };
}

/** Without documents, and without waiting for those under way. */
function withoutDocuments(view: BrokerView): BrokerView {
  return {
    ...withClusters(view, new Map()),
    documentsEpoch: null,
    readingEpoch: null,
    watched: null,
    documents: IDLE,
  };
}

function endRead(
  view: BrokerView,
  settings: CoordinatorSettings,
  moment: Moment,
  isIncomplete: boolean,
): BrokerView {
  return {
    ...view,
    documentsEpoch: isIncomplete ? view.documentsEpoch : view.readingEpoch,
    readingEpoch: null,
    documents: {
      ...view.documents,
      runningId: null,
      nextAt: isIncomplete ? moment.at + jittered(settings.tickMs, moment.draw) : moment.at,
    },
  };
}

function withClusters(
  view: BrokerView,
  clusters: ReadonlyMap<ClusterName, ClusterMeta>,
): BrokerView {
  const members = new Map<ClusterName, readonly NodeAddress[]>();
  const clusterOf = new Map<NodeAddress, ClusterName>();
  for (const [name, cluster] of clusters) {
    const addresses = membersOf(cluster);
    members.set(name, addresses);
    for (const address of addresses) clusterOf.set(address, name);
  }
  return { ...view, clusters, members, clusterOf };
}
