// What is remembered of a Redis server beyond its last answer: since when it is missed, and up to when there was a
// complete copy of it. A coordinator fails a proxy over for a dead server only with both.

import type { NodeAddress, ReplEntry } from '@undermoon/cluster-meta';
import { replicaAt } from './proxy-role.ts';
import { healthOf, masterOf, type ObservedRole } from './replication.ts';

type ObservedMaster = Extract<ObservedRole, { kind: 'master' }>;

/** Times are monotonic milliseconds. */
export interface ServerRecord {
  /** When it was first found out of reach since it answered last; null while it answers. */
  readonly missedAt: number | null;
  /**
   * A master: everything that it had at this time, its first replica has acknowledged; it outlives the master. A
   * replica: when it was seen in step with its wanted master last. Null: not since it was reached, or got this role.
   */
  readonly copiedAt: number | null;
  /** What the replica of a master has still to acknowledge, and when the master had it. */
  readonly awaited: { readonly offset: number; readonly at: number } | null;
}

/** Of a server that nobody has asked yet. */
export const NO_RECORD: ServerRecord = { missedAt: null, copiedAt: null, awaited: null };

/** The record after a look at the server. */
export function recordLook(
  before: ServerRecord,
  wanted: ReplEntry,
  observed: ObservedRole,
  at: number,
): ServerRecord {
  if (observed.kind === 'unreachable') {
    const copiedAt = wanted.role === 'master' ? before.copiedAt : null;
    return { missedAt: before.missedAt ?? at, copiedAt, awaited: null };
  }
  if (wanted.role === 'replica')
    return { ...NO_RECORD, copiedAt: inStepAt(before, wanted, observed, at) };
  if (observed.kind !== 'master') return NO_RECORD;
  // It may have been started again, with other data and offsets that begin anew.
  return acknowledged(before.missedAt === null ? before : NO_RECORD, wanted, observed, at);
}

/** The record of a server whose wanted role may have changed: a copy is one of this role and of this partner only. */
export function recordWanted(before: ServerRecord, from: ReplEntry, to: ReplEntry): ServerRecord {
  const isSame = from.role === to.role && partnerOf(from) === partnerOf(to);
  return isSame ? before : { ...NO_RECORD, missedAt: before.missedAt };
}

function partnerOf(wanted: ReplEntry): NodeAddress | null {
  return wanted.peers[0]?.nodeAddress ?? null;
}

/** Without a link it goes on having what it had, as long as it follows that master. */
function inStepAt(
  before: ServerRecord,
  wanted: ReplEntry,
  observed: ObservedRole,
  at: number,
): number | null {
  const health = healthOf(wanted, observed);
  if (health === 'ok' && masterOf(wanted) !== null) return at;
  return health === 'link-down' ? before.copiedAt : null;
}

function acknowledged(
  before: ServerRecord,
  wanted: ReplEntry,
  { offset, replicas }: ObservedMaster,
  at: number,
): ServerRecord {
  const partner = partnerOf(wanted);
  const copy = partner === null ? undefined : replicaAt(replicas, partner, wanted.peers.length);
  const { copiedAt } = before;
  const awaited = before.awaited ?? { offset, at };
  if (copy === undefined) return { missedAt: null, copiedAt, awaited };
  if (copy.offset >= offset) return { missedAt: null, copiedAt: at, awaited: null };
  if (copy.offset < awaited.offset) return { missedAt: null, copiedAt, awaited };
  return { missedAt: null, copiedAt: awaited.at, awaited: { offset, at } };
}
