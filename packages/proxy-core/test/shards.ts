import { keySlotOf } from '@undermoon/slots';
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../src/index.ts';
import { PATIENT, setCluster } from './fixture.ts';
import { wordOf, wordsOf } from './plain-fixture.ts';

/** A range of slots, whose it is: the index of a proxy, and the index of the server behind it. */
export type Owned = readonly [range: string, proxy: number, server: number];

/** Two proxies with two servers each. */
export const TWO_EACH: readonly Owned[] = [
  ['0-4000', 0, 0],
  ['4001-8191', 0, 1],
  ['8192-12000', 1, 2],
  ['12001-16383', 1, 3],
];

/** Two proxies with plain ports, and servers that either of them may have. */
export class Shards {
  readonly redis: readonly RedisServer[];
  readonly proxies: readonly ProxyServer[];
  #epoch = 0;
  #clients: RawClient[] = [];

  /** `options` of both proxies, with those of `second` for the second one. */
  static async start(
    serverCount: number,
    options: ProxyServerOptions = {},
    second: ProxyServerOptions = {},
  ): Promise<Shards> {
    const redis = await Promise.all(Array.from({ length: serverCount }, () => startRedis()));
    const proxies = [options, { ...options, ...second }].map((given) =>
      createProxyServer({
        ...PATIENT,
        address: '127.0.0.1:0',
        plainAddress: '127.0.0.1:0',
        ...given,
      }),
    );
    await Promise.all(proxies.map((proxy) => proxy.listen()));
    return new Shards(redis, proxies);
  }

  private constructor(redis: readonly RedisServer[], proxies: readonly ProxyServer[]) {
    this.redis = redis;
    this.proxies = proxies;
  }

  /** Tells the proxies, or those that are named, who has which slots. */
  async tell(
    owners: readonly Owned[],
    { to = [0, 1], config }: { to?: readonly number[]; config?: readonly [string, string][] } = {},
  ): Promise<void> {
    const epoch = ++this.#epoch;
    for (const index of to) {
      const local = owners.filter(([, proxy]) => proxy === index);
      const others = owners.filter(([, proxy]) => proxy !== index);
      await setCluster(
        this.proxies[index]!,
        local.map(([range, , server]) => [this.redis[server]?.address ?? '', range]),
        {
          peers: others.map(([range, proxy]) => [this.proxies[proxy]?.address ?? '', range]),
          epoch,
          ...(config === undefined ? {} : { config }),
        },
      );
    }
  }

  /** A client of the plain port of a proxy. */
  async connect(index = 0): Promise<Asker> {
    return this.#add(await RawClient.connect(this.proxies[index]?.plainAddress ?? ''));
  }

  /** A client of the cluster port. */
  async connectToCluster(index = 0): Promise<Asker> {
    return this.#add(await RawClient.connect(this.proxies[index]?.address ?? ''));
  }

  async flush(): Promise<void> {
    for (const { address } of this.redis) {
      await using direct = await RawClient.connect(address);
      await direct.command('FLUSHALL');
    }
  }

  async closeClients(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
  }

  async stop(): Promise<void> {
    await this.closeClients();
    for (const proxy of this.proxies) proxy.destroy();
    await Promise.all(this.redis.map((server) => server.stop()));
  }

  #add(client: RawClient): Asker {
    this.#clients.push(client);
    return new Asker(client);
  }
}

/** Asks in one pipeline and has the replies as text; the elements of a list in brackets. */
export class Asker {
  readonly client: RawClient;

  constructor(client: RawClient) {
    this.client = client;
  }

  async ask(...commands: readonly (string | readonly (string | Buffer)[])[]): Promise<string[]> {
    const replies = await Promise.all(
      commands.map((line) =>
        this.client.command(...(typeof line === 'string' ? line.split(' ') : line)),
      ),
    );
    return replies.map((reply) => {
      if (reply.type === 'null') return '(nil)';
      return reply.type === 'array' ? `[${reply.items.map(elementOf).join(' ')}]` : wordOf(reply);
    });
  }
}

function elementOf(reply: Parameters<typeof wordOf>[0]): string {
  if (reply?.type === 'null') return '(nil)';
  return reply?.type === 'array' ? `[${wordsOf(reply).join(' ')}]` : wordOf(reply);
}

/** Keys in different slots of one range. */
export function keysIn(range: string, count: number): string[] {
  const [first = 0, last = 0] = range.split('-').map(Number);
  const keys = new Map<number, string>();
  for (let i = 0; keys.size < count; i++) {
    const slot = keySlotOf(`key:${i}`);
    if (slot >= first && slot <= last && !keys.has(slot)) keys.set(slot, `key:${i}`);
  }
  return [...keys.values()];
}
