// What each proxy should know, and what it is known to have. A document is sent when its epoch is above
// what the proxy acknowledged; a proxy whose own epoch fell below that has restarted and gets it again.

import type { ClusterName, Epoch, NodeAddress, ProxyMeta } from '@undermoon/cluster-meta';
import { EPOCH_ZERO } from '@undermoon/cluster-meta';
import type { Step } from '@undermoon/runtime';
import { isImporting, RANK_IMPORTING } from './documents.ts';
import type { RankedDocument } from './documents.ts';
import type { CoordinatorEffect, PushParts } from './effect.ts';
import { notify } from './effect.ts';
import type { CoordinatorEvent, Moment, PushReply } from './event.ts';
import { backoffMs, retarget, spread, withEntries } from './schedule.ts';
import type { CoordinatorSettings } from './settings.ts';

/** The metadata of one proxy. */
export interface SyncEntry {
  readonly wanted: ProxyMeta | null;
  readonly wantedAt: number;
  readonly rank: number;
  /** Highest epochs the proxy is known to have, per command. */
  readonly ackedRepl: Epoch;
  readonly ackedCluster: Epoch;
  readonly ackedAt: number;
  /** Epoch of the latest document that the proxy took from us; not one that it had a newer one of. */
  readonly takenEpoch: Epoch;
  /** It has told its epoch, or refused to, since it is watched: nothing is sent before that. */
  readonly isInspected: boolean;
  readonly push: RunningPush | null;
  readonly attempts: number;
  readonly retryAt: number;
}

/** The one push that runs towards a proxy. */
export interface RunningPush {
  readonly id: number;
  readonly epoch: Epoch;
  readonly startedAt: number;
}

export interface MetaSyncState {
  readonly entries: ReadonlyMap<NodeAddress, SyncEntry>;
  readonly nextId: number;
}

/** What the choice of pushes depends on besides the entries. */
export interface PushConditions {
  readonly isAlive: (address: NodeAddress) => boolean;
  readonly isHeld: (address: NodeAddress) => boolean;
}

type SyncStep = Step<MetaSyncState, CoordinatorEffect>;
type Pushed = Extract<CoordinatorEvent, { kind: 'pushed' }>;
type PushFailed = Extract<CoordinatorEvent, { kind: 'push-failed' }>;

const NEW_ENTRY: SyncEntry = {
  wanted: null,
  wantedAt: 0,
  rank: 0,
  ackedRepl: EPOCH_ZERO,
  ackedCluster: EPOCH_ZERO,
  ackedAt: -Infinity,
  takenEpoch: EPOCH_ZERO,
  isInspected: false,
  push: null,
  attempts: 0,
  retryAt: 0,
};

/** No proxies. */
export function newMetaSync(): MetaSyncState {
  return { entries: new Map(), nextId: 1 };
}

/** Keeps entries for exactly these proxies. */
export function keepProxies(
  state: MetaSyncState,
  addresses: ReadonlySet<NodeAddress>,
): { readonly state: MetaSyncState; readonly gone: readonly NodeAddress[] } {
  const { map, gone } = retarget(state.entries, addresses, () => NEW_ENTRY);
  return { state: map === state.entries ? state : { ...state, entries: map }, gone };
}

/** Takes documents as wanted. One that is older than what is wanted already is dropped. */
export function wantDocuments(
  state: MetaSyncState,
  documents: readonly RankedDocument[],
  at: number,
): MetaSyncState {
  const changed: [NodeAddress, SyncEntry][] = [];
  for (const { meta, rank } of documents) {
    const entry = state.entries.get(meta.address);
    if (entry === undefined) continue;
    const wantedEpoch = entry.wanted?.epoch ?? -1;
    if (meta.epoch < wantedEpoch) continue;
    const isNewer = meta.epoch > wantedEpoch;
    changed.push([
      meta.address,
      {
        ...entry,
        wanted: meta,
        rank: Math.min(rank, isNewer ? rankLeft(entry) : entry.rank),
        wantedAt: isNewer ? at : entry.wantedAt,
        attempts: isNewer ? 0 : entry.attempts,
        retryAt: isNewer ? at : entry.retryAt,
      },
    ]);
  }
  return { ...state, entries: withEntries(state.entries, changed) };
}

/**
 * The rank that a document leaves to its successor. A proxy that imported slots may own them by now: however the news comes,
 * ahead of the answer to the commit or from another coordinator's, it goes first. So does what it was to get first and lacks.
 */
function rankLeft(entry: SyncEntry): number {
  const { wanted, rank } = entry;
  if (wanted === null) return Infinity;
  if (!isSettled(entry, wanted)) return rank;
  return isImporting(wanted.nodes) ? RANK_IMPORTING : Infinity;
}

/** Forgets all documents, when the broker they came from is not the one that answers now. */
export function dropWanted(state: MetaSyncState): MetaSyncState {
  const entries = new Map<NodeAddress, SyncEntry>();
  for (const [address, entry] of state.entries) entries.set(address, { ...entry, wanted: null });
  return { ...state, entries };
}

/** A proxy answers again: no pause is left over from when it did not. */
export function hurry(state: MetaSyncState, address: NodeAddress): MetaSyncState {
  const entry = state.entries.get(address);
  if (entry === undefined || entry.attempts === 0) return state;
  return withEntry(state, address, { ...entry, attempts: 0, retryAt: 0 });
}

/**
 * Whether a proxy has something newer than the document we have for it, and never took that: it may be
 * metadata from before the document. Above `epochMax` it is nothing that another document could replace.
 */
export function isOutrun(state: MetaSyncState, address: NodeAddress, epochMax: Epoch): boolean {
  const entry = state.entries.get(address);
  const wanted = entry?.wanted ?? null;
  if (entry === undefined || wanted === null || entry.push !== null) return false;
  if (entry.ackedCluster > epochMax) return false;
  return entry.ackedCluster > wanted.epoch && entry.takenEpoch < wanted.epoch;
}

/** Compares the epoch a proxy tells with what it acknowledged. `startedAt` is when it was asked. */
export function observeEpoch(
  state: MetaSyncState,
  seen: { readonly address: NodeAddress; readonly epoch: Epoch | null; readonly startedAt: number },
): SyncStep {
  const { address, epoch, startedAt } = seen;
  const entry = state.entries.get(address);
  if (entry === undefined) return { state, effects: [] };
  const inspected = { ...entry, isInspected: true };
  if (epoch === null || epoch === entry.ackedCluster) {
    return { state: withEntry(state, address, inspected), effects: [] };
  }
  if (epoch > entry.ackedCluster) {
    // Somebody else's push. Every coordinator sends SETREPL first, so that epoch has arrived too.
    const ackedRepl = epoch > entry.ackedRepl ? epoch : entry.ackedRepl;
    const next = { ...inspected, ackedRepl, ackedCluster: epoch, ackedAt: startedAt };
    return { state: withEntry(state, address, next), effects: [] };
  }
  // Asked before the last acknowledgement: an old answer, not a restart.
  if (startedAt <= entry.ackedAt) {
    return { state: withEntry(state, address, inspected), effects: [] };
  }
  const restarted = { ...inspected, ackedRepl: EPOCH_ZERO, ackedCluster: epoch, retryAt: 0 };
  return {
    state: withEntry(state, address, { ...restarted, ackedAt: startedAt }),
    effects: [
      notify({ kind: 'proxy-restarted', address, fromEpoch: entry.ackedCluster, toEpoch: epoch }),
    ],
  };
}

/** Starts pushes: urgent ranks first, one at a time per proxy, live proxies only, under the cap. */
export function planPushes(
  state: MetaSyncState,
  settings: CoordinatorSettings,
  conditions: PushConditions,
  at: number,
): SyncStep {
  let running = 0;
  const ready: { address: NodeAddress; entry: SyncEntry; meta: ProxyMeta }[] = [];
  const firstRanks = new Map<ClusterName, number>();
  for (const [address, entry] of state.entries) {
    if (entry.push !== null) running += 1;
    const meta = entry.wanted;
    if (meta === null || isSettled(entry, meta)) continue;
    if (!entry.isInspected || !conditions.isAlive(address) || conditions.isHeld(address)) continue;
    if (meta.clusterName !== null && at < entry.wantedAt + settings.pushOrderWaitMs) {
      const first = firstRanks.get(meta.clusterName) ?? entry.rank;
      firstRanks.set(meta.clusterName, Math.min(first, entry.rank));
    }
    if (entry.push === null && entry.retryAt <= at) ready.push({ address, entry, meta });
  }
  const free = ready.filter(
    ({ entry, meta }) =>
      meta.clusterName === null || entry.rank <= (firstRanks.get(meta.clusterName) ?? entry.rank),
  );
  free.sort((a, b) => a.entry.rank - b.entry.rank);
  const chosen = free.slice(0, Math.max(settings.pushesMax - running, 0));
  return startPushes(state, chosen, at);
}

/** The proxy took both commands, or had newer metadata. */
export function pushDone(state: MetaSyncState, event: Pushed): SyncStep {
  const { entry, push } = runningPush(state, event);
  if (entry === null || push === null) return { state, effects: [] };
  const { address } = event;
  const next: SyncEntry = {
    ...entry,
    push: null,
    attempts: 0,
    ackedRepl: raise(entry.ackedRepl, push.epoch),
    ackedCluster: raise(entry.ackedCluster, push.epoch),
    ackedAt: event.at,
    takenEpoch: event.cluster?.kind === 'old' ? entry.takenEpoch : push.epoch,
  };
  const replies = [event.repl, event.cluster].filter((reply) => reply !== null);
  const effects = replies.flatMap((reply) => warningOf(reply, address, push.epoch));
  effects.push(
    notify({
      kind: 'metadata-pushed',
      address,
      clusterName: entry.wanted?.clusterName ?? null,
      epoch: push.epoch,
      isNew: replies.some((reply) => reply.kind !== 'old'),
      tookMs: Math.round(event.at - push.startedAt),
    }),
  );
  return { state: withEntry(state, address, next), effects };
}

/** Refused or lost: again after a pause. What SETREPL achieved is kept. */
export function pushFailed(
  state: MetaSyncState,
  settings: CoordinatorSettings,
  event: PushFailed,
): SyncStep {
  const { entry, push } = runningPush(state, event);
  if (entry === null || push === null) return { state, effects: [] };
  const attempts = entry.attempts + 1;
  const limits = { minMs: settings.backoffMinMs, maxMs: settings.backoffMaxMs };
  const retryInMs = backoffMs(attempts, limits, spread(event.draw, attempts));
  const next: SyncEntry = {
    ...entry,
    push: null,
    attempts,
    retryAt: event.at + retryInMs,
    ackedRepl: event.repl === null ? entry.ackedRepl : raise(entry.ackedRepl, push.epoch),
  };
  const { address, code } = event;
  const effects = event.repl === null ? [] : warningOf(event.repl, address, push.epoch);
  effects.push(notify({ kind: 'push-failed', address, epoch: push.epoch, code, retryInMs }));
  return { state: withEntry(state, address, next), effects };
}

function startPushes(
  state: MetaSyncState,
  chosen: readonly { address: NodeAddress; entry: SyncEntry; meta: ProxyMeta }[],
  at: Moment['at'],
): SyncStep {
  let nextId = state.nextId;
  const effects: CoordinatorEffect[] = [];
  const entries = chosen.map(({ address, entry, meta }): [NodeAddress, SyncEntry] => {
    const id = nextId;
    nextId += 1;
    const parts: PushParts = {
      repl: meta.epoch > entry.ackedRepl,
      cluster: meta.epoch > entry.ackedCluster,
    };
    effects.push({ kind: 'push', id, address, meta, parts });
    return [address, { ...entry, push: { id, epoch: meta.epoch, startedAt: at } }];
  });
  return { state: { entries: withEntries(state.entries, entries), nextId }, effects };
}

function isSettled(entry: SyncEntry, meta: ProxyMeta): boolean {
  return meta.epoch <= entry.ackedRepl && meta.epoch <= entry.ackedCluster;
}

function runningPush(
  state: MetaSyncState,
  event: Pushed | PushFailed,
): { readonly entry: SyncEntry | null; readonly push: RunningPush | null } {
  const entry = state.entries.get(event.address) ?? null;
  const push = entry?.push ?? null;
  return { entry, push: push?.id === event.id ? push : null };
}

function raise(current: Epoch, epoch: Epoch): Epoch {
  return epoch > current ? epoch : current;
}

function warningOf(reply: PushReply, address: NodeAddress, epoch: Epoch): CoordinatorEffect[] {
  if (reply.kind !== 'warning') return [];
  return [notify({ kind: 'metadata-warning', address, epoch, text: reply.text })];
}

function withEntry(state: MetaSyncState, address: NodeAddress, entry: SyncEntry): MetaSyncState {
  return { ...state, entries: withEntries(state.entries, [[address, entry]]) };
}
