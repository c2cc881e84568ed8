import type { TopicKind } from './subscriptions.ts';

/** WAIT writes a message to this channel of the servers; nobody is to see it. */
export const WAIT_CHANNEL = '__undermoon_wait';

/** Who subscribes, as far as it decides which servers matter to it. */
export interface Listener {
  /** It sees one Redis server instead of a cluster. */
  readonly isPlain: boolean;
  /** It is another proxy, which hears the other servers from their own proxies. */
  readonly isPeerLink: boolean;
}

/** Whether a channel, or all channels of a pattern, are those in which a server tells of its keys. */
export function isKeyspaceChannel(name: string): boolean {
  return name.startsWith('__keyspace@') || name.startsWith('__keyevent@');
}

/**
 * Whether a subscription is for messages from all servers of the cluster, not only from those of this proxy. As in
 * Redis Cluster, each node tells of its own keys only; a client that sees one server hears of all keys.
 */
export function isClusterWide(kind: TopicKind, name: string, listener: Listener): boolean {
  if (kind === 'shard' || listener.isPeerLink) return false;
  return listener.isPlain || !isKeyspaceChannel(name);
}
