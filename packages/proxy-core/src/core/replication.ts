import {
  hostOf,
  portOf,
  type NodeAddress,
  type ReplEntry,
  type ReplPeer,
} from '@undermoon/cluster-meta';
import { textOf, type RespValue } from '@undermoon/resp';
import { unreachable } from '@undermoon/runtime';

/** The states Redis reports for a replica's link to its master. */
export type ReplicaLink = 'connected' | 'connect' | 'connecting' | 'sync' | 'handshake' | 'none';

/** A replica as its master sees it. */
export interface SeenReplica {
  readonly host: string;
  readonly port: number;
  /** What it has acknowledged. */
  readonly offset: number;
}

/** What a Redis server said about itself, or why nothing is known. */
export type ObservedRole =
  | {
      readonly kind: 'master';
      readonly offset: number;
      readonly replicas: readonly SeenReplica[];
    }
  | {
      readonly kind: 'replica';
      readonly masterHost: string;
      readonly masterPort: number;
      readonly link: ReplicaLink;
      readonly offset: number;
    }
  /** Not asked yet, or it answers but cannot tell (no ROLE command, an error, a sentinel). */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** No connection, or no reply in time. */
  | { readonly kind: 'unreachable'; readonly reason: string };

/** What has to be sent to a Redis server now. */
export type ReplicationAction =
  | { readonly kind: 'none' }
  | { readonly kind: 'promote' }
  | { readonly kind: 'follow'; readonly host: string; readonly port: number };

/** How a Redis server compares with the wanted role. */
export type ReplicationHealth =
  | 'ok'
  | 'unreachable'
  | 'unknown'
  | 'wrong-role'
  | 'wrong-master'
  | 'link-down'
  | 'no-master-named';

/** A server nobody has asked yet. */
export const NOT_OBSERVED: ObservedRole = { kind: 'unknown', reason: 'not asked yet' };

/** Reads the reply to ROLE. */
export function parseRoleReply(reply: RespValue): ObservedRole {
  if (reply.type === 'error') return { kind: 'unknown', reason: reply.value };
  const items = reply.type === 'array' ? reply.items : [];
  const [kind, second, third, link, offset] = items;
  const kindText = textAt(kind);
  if (kindText === 'master') {
    const replicas = third?.type === 'array' ? third.items.map(parseReplica) : [];
    return { kind: 'master', offset: numberAt(second), replicas };
  }
  if (kindText === 'slave' || kindText === 'replica') {
    return {
      kind: 'replica',
      masterHost: textAt(second) ?? '',
      masterPort: numberAt(third),
      link: parseLink(textAt(link)),
      offset: numberAt(offset),
    };
  }
  return { kind: 'unknown', reason: 'ROLE named neither a master nor a replica' };
}

function parseReplica(reply: RespValue): SeenReplica {
  const [host, port, offset] = reply.type === 'array' ? reply.items : [];
  return { host: textAt(host) ?? '', port: numberAt(port), offset: numberAt(offset) };
}

function textAt(value: RespValue | undefined): string | null {
  return value === undefined ? null : textOf(value);
}

function numberAt(value: RespValue | undefined): number {
  const number = Number(textAt(value) ?? -1);
  return Number.isSafeInteger(number) ? number : -1;
}

const LINKS: readonly ReplicaLink[] = ['connected', 'connect', 'connecting', 'sync', 'handshake'];

/** A state Redis may add later is not a working link. */
function parseLink(text: string | null): ReplicaLink {
  return LINKS.find((link) => link === text) ?? 'none';
}

/** The master a replica is to follow: the first peer, as in the original. */
export function masterOf(wanted: ReplEntry): ReplPeer | null {
  return wanted.role === 'replica' ? (wanted.peers[0] ?? null) : null;
}

/**
 * What brings a server from the observed role to the wanted one. Of a server that cannot say its role the
 * wanted one is demanded each time: both commands do nothing to a server that already has it.
 */
export function nextAction(wanted: ReplEntry, observed: ObservedRole): ReplicationAction {
  const health = healthOf(wanted, observed);
  switch (health) {
    case 'ok':
    case 'link-down':
    case 'unreachable':
    case 'no-master-named':
      return { kind: 'none' };
    case 'unknown':
    case 'wrong-role':
    case 'wrong-master':
      return demandedAction(wanted);
    default:
      return unreachable(health);
  }
}

function demandedAction(wanted: ReplEntry): ReplicationAction {
  if (wanted.role === 'master') return { kind: 'promote' };
  const master = masterOf(wanted);
  if (master === null) return { kind: 'none' };
  return { kind: 'follow', host: hostOf(master.nodeAddress), port: portOf(master.nodeAddress) };
}

/** Compares the wanted with the observed role. */
export function healthOf(wanted: ReplEntry, observed: ObservedRole): ReplicationHealth {
  if (observed.kind === 'unreachable') return 'unreachable';
  const master = masterOf(wanted);
  if (wanted.role === 'replica' && master === null) return 'no-master-named';
  if (observed.kind === 'unknown') return 'unknown';
  if (observed.kind !== wanted.role) return 'wrong-role';
  if (observed.kind === 'master' || master === null) return 'ok';
  if (!isMaster(observed, master.nodeAddress)) return 'wrong-master';
  return observed.link === 'connected' ? 'ok' : 'link-down';
}

function isMaster(
  observed: Extract<ObservedRole, { kind: 'replica' }>,
  address: NodeAddress,
): boolean {
  return observed.masterHost === hostOf(address) && observed.masterPort === portOf(address);
}

/** The words of an action; `SLAVEOF` is for servers that do not know the newer name. */
export function actionWords(
  action: Exclude<ReplicationAction, { kind: 'none' }>,
  command: 'REPLICAOF' | 'SLAVEOF',
): readonly string[] {
  return action.kind === 'promote'
    ? [command, 'NO', 'ONE']
    : [command, action.host, String(action.port)];
}
