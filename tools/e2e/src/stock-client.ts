/** A cluster client as applications use it, behind the few calls that the workload needs. */
export interface StockClient {
  readonly name: string;
  /** Sends one command; `key` is its first key. */
  send(key: string, words: readonly string[]): Promise<unknown>;
  /** Sends commands on keys of one slot as the client's own pipeline. Rejects when any of them has no reply. */
  sendTogether(key: string, commands: readonly (readonly string[])[]): Promise<readonly unknown[]>;
  /** Errors of connections that were reported apart from commands. */
  readonly connectionErrors: readonly string[];
  close(): Promise<void>;
}

/** How to open a client. */
export interface StockClientOptions {
  /** `host:port` of nodes to start from. */
  readonly nodes: readonly string[];
  readonly protocol: 2 | 3;
  /** Time for one command, set where a node may freeze: without it, clients wait as long as TCP does. */
  readonly commandTimeoutMs?: number;
  /**
   * Time for the list of slots, after which ioredis asks another node and reports an error. Default: its own, a
   * second, which a busy machine takes now and then while nothing is wrong.
   */
  readonly slotsTimeoutMs?: number;
}

/** A reply without what the two protocols, and the clients, render differently. */
export function plainReply(reply: unknown): unknown {
  if (reply === null || reply === undefined) return null;
  if (Buffer.isBuffer(reply)) return reply.toString();
  if (Array.isArray(reply)) return reply.map(plainReply);
  if (reply instanceof Set) return [...reply].map(plainReply);
  if (reply instanceof Map) return [...reply].flat().map(plainReply);
  if (typeof reply === 'object') return Object.entries(reply).flat().map(plainReply);
  if (typeof reply === 'boolean') return reply ? '1' : '0';
  if (typeof reply === 'number' || typeof reply === 'bigint') return reply.toString();
  return reply;
}
