// Clients that are not redirected, on several event loops of two proxies that take the halves of the slots from each other
// again and again.
import { type ClusterConfig, DEFAULT_CLUSTER_CONFIG } from '@undermoon/cluster-meta';
import { encodeCommand, type RespValue } from '@undermoon/resp';
import { keySlotOf } from '@undermoon/slots';
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../../src/index.ts';
import { PATIENT } from '../fixture.ts';
import { wordOf, wordsOf } from '../plain-fixture.ts';
import { halvesOf, metaOfHalf } from './meta.ts';

// Counters start at different values, so every reply tells which server executed its command.
const SECOND_BASE = 1_000_000_000;
const CLIENTS = 10;
const FLIPS = 150;
/** The same on both servers, all the time. */
const FIXED = Array.from({ length: 8 }, (_, i) => `fixed:${i}`);

/** How the clients of the storm get at the cluster. */
interface Way {
  readonly name: string;
  readonly options: ProxyServerOptions;
  readonly config: ClusterConfig | null;
  /** Only commands over several slots are not redirected. */
  readonly isSplitOnly: boolean;
  portOf(proxy: ProxyServer): string;
}

const plainPort = (options: ProxyServerOptions): Way => ({
  name: `the plain port, clients spread ${options.spreadClients}`,
  options: { ...options, plainAddress: '127.0.0.1:0' },
  config: null,
  isSplitOnly: false,
  portOf: ({ plainAddress }) => plainAddress ?? '',
});
const WAYS: readonly Way[] = [
  plainPort({ spreadClients: 'at-once' }),
  plainPort({ spreadClients: 'when-needed' }),
  {
    name: 'active redirection, clients spread at-once',
    options: { spreadClients: 'at-once', activeRedirection: true },
    config: null,
    isSplitOnly: false,
    portOf: ({ address }) => address,
  },
  {
    name: 'split commands on the cluster port, clients spread at-once',
    options: { spreadClients: 'at-once' },
    config: { ...DEFAULT_CLUSTER_CONFIG, splitCommands: true },
    isSplitOnly: true,
    portOf: ({ address }) => address,
  },
];

/** Two proxies of two loops each, a server beside each of them, and what is known of their metadata. */
class Storm {
  /** Generation of the metadata that both have. In odd ones each has the half of the other. */
  installed = 0;
  readonly #proxies: readonly ProxyServer[];
  readonly #redis: readonly RedisServer[];
  readonly #config: ClusterConfig | null;
  readonly #batches = new Set<number>();

  private constructor(
    { config }: Way,
    proxies: readonly ProxyServer[],
    redis: readonly RedisServer[],
  ) {
    this.#config = config;
    this.#proxies = proxies;
    this.#redis = redis;
  }

  static async start(way: Way): Promise<Storm> {
    const redis = await Promise.all([startRedis(), startRedis()]);
    const proxies = redis.map(() =>
      createProxyServer({ ...PATIENT, address: '127.0.0.1:0', threads: 2, ...way.options }),
    );
    await Promise.all(proxies.map((proxy) => proxy.listen()));
    for (const [i, { address }] of redis.entries()) {
      await using direct = await RawClient.connect(address);
      await direct.command('MSET', ...FIXED.flatMap((key) => [key, key]));
      if (i === 1)
        await direct.command('MSET', ...counters().flatMap((key) => [key, `${SECOND_BASE}`]));
    }
    const storm = new Storm(way, proxies, redis);
    storm.install();
    return storm;
  }

  install(): void {
    this.installed++;
    this.#batches.clear();
    const halves = halvesOf(this.#proxies, this.#redis, this.installed % 2 === 1);
    // No client is heard between the two.
    for (const proxy of this.#proxies) {
      const meta = metaOfHalf(halves, proxy, this.installed);
      proxy.setMetadata({ ...meta, clusterConfig: this.#config });
    }
  }

  /** Most changes come when every client has seen the one before, some in its middle. */
  onBatch(client: number): boolean {
    this.#batches.add(client);
    if (this.#batches.size === CLIENTS || this.installed % 7 === 0) this.install();
    return this.installed < FLIPS;
  }

  /** Checks that a command sent in generation `floor` was executed by the server of then or of later. */
  check(key: string, value: number, floor: number): void {
    const server = value > SECOND_BASE ? 1 : 0;
    const half = keySlotOf(key) > 8191 ? 1 : 0;
    const isThen = (floor + half) % 2 === server;
    if (!isThen && this.installed === floor) {
      throw new Error(`${key} at server ${server} in generation ${floor}`);
    }
  }

  async countOf(key: string): Promise<readonly [first: number, second: number]> {
    const values = await Promise.all(
      this.#redis.map(async ({ address }) => {
        await using direct = await RawClient.connect(address);
        return Number(wordOf(await direct.command('INCRBY', key, '0')));
      }),
    );
    return [values[0] ?? 0, (values[1] ?? 0) - SECOND_BASE];
  }

  /** Clients by loop, of each proxy. */
  async loops(): Promise<readonly number[]> {
    const infos = await Promise.all(
      this.#proxies.map(async ({ address }) => {
        await using client = await RawClient.connect(address);
        return wordOf(await client.command('INFO', 'clients'));
      }),
    );
    return infos.flatMap((info) =>
      [...info.matchAll(/loop\d:clients=(\d+)/g)].map((m) => Number(m[1])),
    );
  }

  connect(way: Way): Promise<RawClient[]> {
    return Promise.all(
      counters().map((_, i) => {
        const proxy = this.#proxies[i % 2];
        return RawClient.connect(proxy === undefined ? '' : way.portOf(proxy));
      }),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await Promise.all(this.#redis.map((server) => server.stop()));
  }
}

function counters(): readonly string[] {
  return Array.from({ length: CLIENTS }, (_, i) => `counter:${i}`);
}

const increments = (key: string): string[][] => Array.from({ length: 6 }, () => ['INCR', key]);

/** What one client sends at once, and what its replies say: values of its counter, none of which may come twice. */
function batchOf(key: string): readonly (readonly string[])[] {
  return [
    ...increments(key),
    ['MSET', ...FIXED.flatMap((one) => [one, one])],
    ['MGET', ...FIXED],
    ...increments(key),
    ['MULTI'],
    ['INCR', key],
    ['INCR', key],
    ['EXEC'],
  ];
}

function valuesOf(replies: readonly RespValue[]): number[] {
  const [set, list, exec] = [replies[6], replies[7], replies.at(-1)];
  expect(wordOf(set)).toBe('OK');
  expect(wordsOf(list)).toEqual(FIXED);
  const texts = [...replies.slice(0, 6), ...replies.slice(8, 14)].map(wordOf).concat(wordsOf(exec));
  for (const text of texts) expect(text).toMatch(/^\d+$/);
  return texts.map(Number);
}

/** Commands over several slots, whose replies are the same whoever has the slots. */
async function splitBatch(client: RawClient): Promise<void> {
  const replies = await Promise.all(
    Array.from({ length: 8 }, () => [
      client.command('MSET', ...FIXED.flatMap((one) => [one, one])),
      client.command('MGET', ...FIXED),
      client.command('EXISTS', ...FIXED),
    ]).flat(),
  );
  for (let i = 0; i < replies.length; i += 3) {
    expect(wordOf(replies[i])).toBe('OK');
    expect(wordsOf(replies[i + 1])).toEqual(FIXED);
    expect(wordOf(replies[i + 2])).toBe(`${FIXED.length}`);
  }
}

async function run(
  way: Way,
  { client, index }: { readonly client: RawClient; readonly index: number },
  storm: Storm,
): Promise<Set<number>> {
  const key = `counter:${index}`;
  const commands = batchOf(key);
  const bytes = Buffer.concat(commands.map((words) => encodeCommand(words)));
  const seen = new Set<number>();
  do {
    if (way.isSplitOnly) {
      await splitBatch(client);
      continue;
    }
    const floor = storm.installed;
    const replies = client.replies(commands.length);
    void client.send(bytes);
    for (const value of valuesOf(await replies)) {
      expect(seen.has(value)).toBe(false);
      seen.add(value);
      storm.check(key, value, floor);
    }
  } while (storm.onBatch(index));
  return seen;
}

test.each(WAYS)('$name', { timeout: 120_000 }, async (way) => {
  const storm = await Storm.start(way);
  const clients = await storm.connect(way);
  const seen = await Promise.all(
    clients.map((client, index) => run(way, { client, index }, storm)),
  );
  for (const count of await storm.loops()) expect(count).toBeGreaterThan(1);
  for (const [i, values] of way.isSplitOnly ? [] : seen.entries()) {
    const [first, second] = await storm.countOf(`counter:${i}`);
    // None was lost, none executed twice.
    expect(values.size).toBe(first + second);
    expect(Math.min(first, second)).toBeGreaterThan(50);
  }
  await Promise.all(clients.map((client) => client.close()));
  await storm.stop();
});
