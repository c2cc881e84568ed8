import { unreachable } from '@undermoon/runtime';

import { problemsOf, type Snapshot } from '../sight/snapshot.ts';
import type { ClusterName, NodeAddress } from '@undermoon/cluster-meta';

/** How a process ended. */
interface ExitFields {
  readonly address: string;
  readonly pid: number;
  readonly code: number | null;
  readonly signal: string | null;
}

/** What happens to a running cluster. The names of events and members are part of the `--json` output. */
export type UpEvent =
  | ({ readonly event: 'proxy-exited' } & ExitFields)
  | ({ readonly event: 'redis-exited'; readonly proxy: string } & ExitFields)
  | ({ readonly event: 'broker-exited' } & ExitFields)
  /** `left` counts the coordinators that still run. */
  | ({ readonly event: 'coordinator-exited'; readonly left: number } & ExitFields)
  | { readonly event: 'broker-unreachable'; readonly reason: string }
  | { readonly event: 'broker-reachable' }
  /** Somebody deleted the cluster, or created one of its name again. */
  | { readonly event: 'cluster-deleted' | 'cluster-created'; readonly cluster: string }
  | {
      readonly event: 'epoch-changed';
      readonly cluster: string;
      readonly epoch: number;
      readonly previous: number;
    }
  /** The slots of a proxy's Redis servers went to their replicas. */
  | {
      readonly event: 'failover';
      readonly cluster: string;
      readonly failed: string;
      readonly promoted: readonly string[];
    }
  /** Another proxy took a place in the cluster. */
  | {
      readonly event: 'proxy-replaced';
      readonly cluster: string;
      readonly removed: string;
      readonly added: string;
    }
  | {
      readonly event: 'cluster-unhealthy';
      readonly cluster: string;
      readonly problems: readonly string[];
    }
  /** Every slot is served and every replica is in sync again. */
  | { readonly event: 'cluster-healthy'; readonly cluster: string; readonly afterMs: number }
  | { readonly event: 'stopping'; readonly reason: string };

/** Whether an event tells of something that went wrong. */
export function isTrouble(event: UpEvent): boolean {
  return /-(?:exited|unreachable|unhealthy)$/.test(event.event);
}

/** The changes of a cluster's metadata between two looks, oldest cause first. */
export function metadataEvents(before: Snapshot, after: Snapshot, cluster: ClusterName): UpEvent[] {
  const events: UpEvent[] = [];
  const [existed, exists] = [before, after].map((seen) => membersOf(seen, cluster).length > 0);
  if (existed && !exists) return [{ event: 'cluster-deleted', cluster }];
  if (!existed) return exists ? [{ event: 'cluster-created', cluster }] : [];
  const previous = epochOf(before, cluster);
  const epoch = epochOf(after, cluster);
  if (epoch !== previous) events.push({ event: 'epoch-changed', cluster, epoch, previous });
  const mastersBefore = mastersOf(before, cluster);
  const mastersAfter = mastersOf(after, cluster);
  for (const [failed] of mastersBefore) {
    if (mastersAfter.has(failed)) continue;
    const known = new Set([...mastersBefore.values()].flat());
    const promoted = [...mastersAfter.values()].flat().filter((node) => !known.has(node));
    // Slots that were moved are at servers that had some before.
    if (promoted.length > 0) events.push({ event: 'failover', cluster, failed, promoted });
  }
  const members = membersOf(before, cluster);
  const membersNow = membersOf(after, cluster);
  const removed = members.filter((address) => !membersNow.includes(address));
  const added = membersNow.filter((address) => !members.includes(address));
  for (const [index, address] of removed.entries()) {
    const replacement = added[index];
    if (replacement === undefined) break;
    events.push({ event: 'proxy-replaced', cluster, removed: address, added: replacement });
  }
  return events;
}

/** Follows whether a cluster is whole, and tells each change once. One that is deleted is not followed. */
export class HealthFollower {
  readonly #cluster: ClusterName;
  #unhealthySince: number | null = null;

  constructor(cluster: ClusterName) {
    this.#cluster = cluster;
  }

  /** `now` in milliseconds. */
  follow(snapshot: Snapshot, now: number): UpEvent[] {
    const cluster = this.#cluster;
    if (membersOf(snapshot, cluster).length === 0) {
      this.#unhealthySince = null;
      return [];
    }
    const problems = problemsOf(snapshot, cluster);
    if (problems.length > 0) {
      if (this.#unhealthySince !== null) return [];
      this.#unhealthySince = now;
      return [{ event: 'cluster-unhealthy', cluster, problems }];
    }
    if (this.#unhealthySince === null) return [];
    const afterMs = now - this.#unhealthySince;
    this.#unhealthySince = null;
    return [{ event: 'cluster-healthy', cluster, afterMs }];
  }
}

function epochOf(snapshot: Snapshot, cluster: ClusterName): number {
  return snapshot.proxies.find((proxy) => proxy.cluster === cluster)?.wantedEpoch ?? 0;
}

function membersOf(snapshot: Snapshot, cluster: ClusterName): NodeAddress[] {
  return snapshot.proxies
    .filter((proxy) => proxy.cluster === cluster)
    .map(({ address }) => address);
}

/** The Redis servers with slots, by proxy; proxies without are left out. */
function mastersOf(snapshot: Snapshot, cluster: ClusterName): Map<NodeAddress, NodeAddress[]> {
  const masters = new Map<NodeAddress, NodeAddress[]>();
  for (const proxy of snapshot.proxies) {
    if (proxy.cluster !== cluster) continue;
    const owners = proxy.nodes
      .filter(({ slotCount }) => slotCount > 0)
      .map(({ address }) => address);
    if (owners.length > 0) masters.set(proxy.address, owners);
  }
  return masters;
}

/** An event in a sentence. */
export function textOf(event: UpEvent): string {
  switch (event.event) {
    case 'proxy-exited':
      return `proxy ${event.address} ${exitText(event)}`;
    case 'redis-exited':
      return `Redis server ${event.address} of proxy ${event.proxy} ${exitText(event)}`;
    case 'broker-exited':
      return `the broker ${event.address} ${exitText(event)}: clients go on, but there is no failover and no change`;
    case 'coordinator-exited':
      return `coordinator ${event.address} ${exitText(event)}${coordinatorsLeft(event.left)}`;
    case 'broker-unreachable':
      return `the broker does not answer: ${event.reason}`;
    case 'broker-reachable':
      return 'the broker answers again';
    case 'cluster-deleted':
      return `${event.cluster} was deleted; its processes go on`;
    case 'cluster-created':
      return `${event.cluster} was created again`;
    case 'epoch-changed':
      return `metadata of ${event.cluster}: epoch ${event.previous} -> ${event.epoch}`;
    case 'failover':
      return `failover in ${event.cluster}: slots of proxy ${event.failed} went to ${event.promoted.join(', ')}`;
    case 'proxy-replaced':
      return `proxy ${event.added} takes the place of ${event.removed} in ${event.cluster}`;
    case 'cluster-unhealthy':
      return `${event.cluster} is not whole: ${event.problems.join('; ')}`;
    case 'cluster-healthy':
      return `${event.cluster} is whole again after ${(event.afterMs / 1000).toFixed(1)} s`;
    case 'stopping':
      return `stopping (${event.reason})`;
    default:
      return unreachable(event);
  }
}

function exitText({ pid, code, signal }: ExitFields): string {
  return signal === null
    ? `(pid ${pid}) ended with exit code ${code}`
    : `(pid ${pid}) was ended by ${signal}`;
}

function coordinatorsLeft(left: number): string {
  return left > 0 ? '; the other one goes on' : ': none is left, so there is no failover';
}
