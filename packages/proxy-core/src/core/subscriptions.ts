/** Channels, patterns of channels, and channels that belong to a slot. */
export type TopicKind = 'channel' | 'pattern' | 'shard';

/** What one client subscribed to. A name has one character per byte. */
export class Subscriptions {
  readonly channel: Set<string> = new Set<string>();
  readonly pattern: Set<string> = new Set<string>();
  readonly shard: Set<string> = new Set<string>();

  /** All kinds together. */
  get count(): number {
    return this.channel.size + this.pattern.size + this.shard.size;
  }

  /** The number that a confirmation tells: Redis counts channels and patterns together, shard channels apart. */
  shownCount(kind: TopicKind): number {
    return kind === 'shard' ? this.shard.size : this.channel.size + this.pattern.size;
  }
}
