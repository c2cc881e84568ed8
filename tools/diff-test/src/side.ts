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
  /** To the servers that hold the data. */
  readonly #stores: readonly RawClient[];
  #connections: ReplyConnection[] = [];

  /** `redisAddresses`: the servers that hold the data of `address`. */
  static async open(address: string, redisAddresses: readonly string[]): Promise<Side> {
    const stores = await Promise.all(redisAddresses.map((redis) => RawClient.connect(redis)));
    // A key of which the time has passed counts for DBSIZE until it is removed. When a command meets it depends on the
    // stream only; when the server comes by would depend on time.
    await Promise.all(stores.map((store) => ask(store, 'DEBUG', 'SET-ACTIVE-EXPIRE', '0')));
    return new Side(address, stores);
  }

  private constructor(address: string, stores: readonly RawClient[]) {
    this.address = address;
    this.#stores = stores;
  }

  /** No data, no scripts but the library, new connections. */
  async reset(): Promise<void> {
    this.#closeConnections();
    await Promise.all(this.#stores.map((store) => ask(store, 'FLUSHALL')));
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
    const infos = await Promise.all(this.#stores.map((store) => ask(store, 'INFO', 'clients')));
    return infos.some((info) => /^blocked_clients:[1-9]/m.test(textOf(info) ?? ''));
  }

  /** Removes the keys of which the time has passed. */
  async sweep(): Promise<void> {
    await Promise.all(this.#stores.map((store) => scanWhole(store, '1000')));
  }

  /** All keys; not DEBUG DIGEST, which counts keys that have expired but are not removed yet. */
  async keys(): Promise<Map<string, KeyFacts>> {
    const maps = await Promise.all(this.#stores.map((store) => keysOf(store)));
    return new Map(maps.flatMap((map) => [...map]));
  }

  /** All keys over the port of clients, in pages as small as the server makes them. */
  async scanned(): Promise<string[]> {
    await using client = await RawClient.connect(this.address);
    return await scanWhole(client, '7');
  }

  async close(): Promise<void> {
    this.#closeConnections();
    await Promise.all(this.#stores.map((store) => store.close()));
  }

  #closeConnections(): void {
    for (const connection of this.#connections) connection.close();
    this.#connections = [];
  }
}

async function ask(client: RawClient, ...words: readonly (string | Buffer)[]): Promise<RespValue> {
  const reply = await client.command(...words);
  if (reply.type === 'error') throw new Error(`${String(words[0])}: ${reply.value}`);
  return reply;
}

/** All keys by SCAN, which removes those it meets of which the time has passed. */
async function scanWhole(client: RawClient, count: string): Promise<string[]> {
  const found = new Set<string>();
  let cursor = '0';
  do {
    const [next, keys] = itemsOf(await ask(client, 'SCAN', cursor, 'COUNT', count));
    cursor = (next && textOf(next)) ?? '0';
    for (const key of keys === undefined ? [] : bulksOf(keys)) found.add(key.toString('latin1'));
  } while (cursor !== '0');
  return [...found];
}

async function keysOf(store: RawClient): Promise<Map<string, KeyFacts>> {
  const names = bulksOf(await ask(store, 'KEYS', '*'));
  if (names.length === 0) return new Map();
  const questions = names.map((name) => encodeCommand(['PEXPIRETIME', name]));
  await store.send(
    Buffer.concat([encodeCommand(['DEBUG', 'DIGEST-VALUE', ...names]), ...questions]),
  );
  const [digests, ...expiries] = await store.replies(1 + names.length);
  const list = digests === undefined ? [] : itemsOf(digests);
  return new Map(names.map((name, i) => [name.toString('latin1'), keyFacts(list[i], expiries[i])]));
}

function keyFacts(digest: RespValue | undefined, expiry: RespValue | undefined): KeyFacts {
  return {
    digest: (digest && textOf(digest)) ?? '',
    expiryMs: expiry?.type === 'integer' ? Number(expiry.value) : Number.NaN,
  };
}

function bulksOf(value: RespValue): Buffer[] {
  return itemsOf(value).flatMap((item) => (item.type === 'bulk' ? [item.value] : []));
}

function itemsOf(value: RespValue): readonly RespValue[] {
  return 'items' in value ? value.items : [];
}
