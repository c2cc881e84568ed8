import { hostOf, portOf, type NodeAddress } from '@undermoon/cluster-meta';
import { Redis } from 'ioredis';

const PROBE_TIMEOUT_MS = 1000;

/** Asks one proxy or Redis server, over one connection that is made again when it broke. */
export class NodeProbe {
  readonly #redis: Redis;

  constructor(address: NodeAddress) {
    this.#redis = new Redis({
      host: hostOf(address),
      port: portOf(address),
      lazyConnect: true,
      connectTimeout: PROBE_TIMEOUT_MS,
      commandTimeout: PROBE_TIMEOUT_MS,
      protocol: 2,
      disableClientInfo: true,
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      autoResubscribe: false,
      // The next question connects again; in between nothing is tried.
      retryStrategy: () => null,
    });
    // Each failure also rejects the question that met it.
    this.#redis.on('error', () => undefined);
  }

  /** The reply, or null when there is none in time or it is an error. */
  async ask(command: string, ...args: string[]): Promise<unknown> {
    try {
      const { status } = this.#redis;
      if (status === 'wait' || status === 'end' || status === 'close') await this.#redis.connect();
      return await this.#redis.call(command, ...args);
    } catch (error) {
      // Without an answer the connection tells nothing more, and a late reply must not meet a later question.
      if (!(error instanceof Error)) throw error;
      if (error.name !== 'ReplyError') this.#redis.disconnect();
      return null;
    }
  }

  /** A whole number, or null. */
  async askNumber(command: string, ...args: string[]): Promise<number | null> {
    const reply = await this.ask(command, ...args);
    return typeof reply === 'number' ? reply : null;
  }

  /** The `name:value` lines of an INFO reply, or null. */
  async askFields(command: string, ...args: string[]): Promise<ReadonlyMap<string, string> | null> {
    const reply = await this.ask(command, ...args);
    return typeof reply === 'string' ? fieldsOf(reply) : null;
  }

  close(): void {
    this.#redis.disconnect();
  }
}

function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}
