import { RawClient } from '@undermoon/testkit';
import { encodeCommand, textOf, type RespValue } from '@undermoon/resp';
import { CONNECTIONS } from './program.ts';
import { ReplyConnection } from './reply-connection.ts';
import { LIBRARY } from './scripts.ts';

/** A key as the two datasets are compared. */
export interface KeyFacts {
  readonly digest: string;
  /** Unix time in milliseconds; -1: none. */
  readonly expiryMs: number;
}

/** One of the two servers that get the same stream: its clients' connections and its Redis server. */
export class Side {
  /** Where clients connect. */
  readonly address: string;
  readonly #control: RawClient;
  #connections: ReplyConnection[] = [];

  /** `redisAddress`: the server that holds the data of `address`. */
  static async open(address: string, redisAddress: string): Promise<Side> {
    return new Side(address, await RawClient.connect(redisAddress));
  }

  private constructor(address: string, control: RawClient) {
    this.address = address;
    this.#control = control;
  }

  /** No data, no scripts but the library, new connections. */
  async reset(): Promise<void> {
    this.#closeConnections();
    await this.#ask('FLUSHALL');
    // Not behind the proxy's back: it remembers scripts.
    await using client = await RawClient.connect(this.address);
    for (const words of [
      ['SCRIPT', 'FLUSH'],
      ['FUNCTION', 'FLUSH'],
      ['FUNCTION', 'LOAD', LIBRARY],
    ]) {
      const reply = await client.command(...words);
      if (reply.type === 'error') throw new Error(`${words.slice(0, 2).join(' ')}: ${reply.value}`);
    }
    this.#connections = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => ReplyConnection.open(this.address)),
    );
  }

  connection(index: number): ReplyConnection {
    const connection = this.#connections[index];
    if (connection === undefined) throw new RangeError(`there is no connection ${index}`);
    return connection;
  }

  /** Replaces a connection that has ended. */
  async reconnect(index: number): Promise<void> {
    this.connection(index).close();
    this.#connections[index] = await ReplyConnection.open(this.address);
  }

  /** Whether a client of the Redis server waits in a blocking command. */
  async hasBlockedClient(): Promise<boolean> {
    const info = textOf(await this.#ask('INFO', 'clients')) ?? '';
    return /^blocked_clients:[1-9]/m.test(info);
  }

  /** All keys; not DEBUG DIGEST, which counts keys that have expired but are not removed yet. */
  async keys(): Promise<Map<string, KeyFacts>> {
    const names = itemsOf(await this.#ask('KEYS', '*')).flatMap((item) =>
      item.type === 'bulk' ? [item.value] : [],
    );
    if (names.length === 0) return new Map();
    const questions = names.map((name) => encodeCommand(['PEXPIRETIME', name]));
    await this.#control.send(
      Buffer.concat([encodeCommand(['DEBUG', 'DIGEST-VALUE', ...names]), ...questions]),
    );
    const [digests, ...expiries] = await this.#control.replies(1 + names.length);
    const list = digests === undefined ? [] : itemsOf(digests);
    return new Map(
      names.map((name, i) => [name.toString('latin1'), keyFacts(list[i], expiries[i])]),
    );
  }

  async close(): Promise<void> {
    this.#closeConnections();
    await this.#control.close();
  }

  async #ask(...words: readonly (string | Buffer)[]): Promise<RespValue> {
    const reply = await this.#control.command(...words);
    if (reply.type === 'error') throw new Error(`${String(words[0])}: ${reply.value}`);
    return reply;
  }

  #closeConnections(): void {
    for (const connection of this.#connections) connection.close();
    this.#connections = [];
  }
}

function keyFacts(digest: RespValue | undefined, expiry: RespValue | undefined): KeyFacts {
  return {
    digest: (digest && textOf(digest)) ?? '',
    expiryMs: expiry?.type === 'integer' ? Number(expiry.value) : Number.NaN,
  };
}

function itemsOf(value: RespValue): readonly RespValue[] {
  return 'items' in value ? value.items : [];
}
