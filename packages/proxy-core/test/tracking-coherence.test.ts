// Clients that cache what they read, as client libraries do, while keys change, servers die and slots move: when
// all is quiet, nobody has a value that is not there any more. PROXY_SEED repeats a run, PROXY_ROUNDS makes it long.
import process from 'node:process';
import { encodeCommand, type RespValue, textOf } from '@undermoon/resp';
import { chooseSeed, RawClient, seededRandom } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { type Fixture, setCluster, startFixture } from './fixture.ts';

const ROUNDS = Number(process.env['PROXY_ROUNDS'] ?? 6);
const seed = chooseSeed(process.env['PROXY_SEED']);
const KEYS = Array.from({ length: 24 }, (_, i) => `key${i}`);
const HALVES = ['0-8191', '8192-16383'] as const;
const STEPS = 150;

/** A client with a cache: a reply fills it where it stands in the stream, and so does an invalidation empty it. */
class CachingClient {
  readonly cache = new Map<string, string>();
  invalidations = 0;
  flushes = 0;
  readonly #client: RawClient;
  readonly #waiting: ((reply: RespValue) => void)[] = [];

  private constructor(client: RawClient) {
    this.#client = client;
    void this.#read();
  }

  static async connect(address: string, options: string): Promise<CachingClient> {
    const client = await RawClient.connect(address);
    await client.command('HELLO', '3');
    await client.command(...`CLIENT TRACKING ON ${options}`.trim().split(' '));
    return new CachingClient(client);
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /** Reads keys with one command, or each with a GET of its own in a transaction; 'pass': does not keep them. */
  read(keys: readonly string[], form: 'get' | 'mget' | 'exec' | 'opt-in' | 'pass'): void {
    const commands: string[][] = [];
    if (form === 'opt-in') commands.push(['CLIENT', 'CACHING', 'YES']);
    if (form === 'exec') {
      commands.push(['MULTI'], ...keys.map((key) => ['GET', key]), ['CLIENT', 'ID'], ['EXEC']);
    } else if (keys.length === 1) commands.push(['GET', ...keys]);
    else commands.push(['MGET', ...keys]);
    for (let i = 1; i < commands.length; i++) this.#waiting.push(() => undefined);
    this.#waiting.push((reply) => {
      if (form === 'pass') return;
      if (reply.type !== 'array') this.#keep(keys[0] ?? '', reply);
      else keys.forEach((key, i) => this.#keep(key, reply.items[i]));
    });
    void this.#client.send(Buffer.concat(commands.map((words) => encodeCommand(words))));
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #keep(key: string, value: RespValue | undefined): void {
    const isValue = value?.type === 'bulk' || value?.type === 'null';
    if (value !== undefined && isValue) this.cache.set(key, textOf(value) ?? 'null');
  }

  async #read(): Promise<void> {
    try {
      for (;;) this.#take(await this.#client.reply());
    } catch {
      // The client was closed.
    }
  }

  #take(value: RespValue): void {
    if (value.type !== 'push') {
      this.#waiting.shift()?.(value);
      return;
    }
    const keys = value.items[1];
    if (keys?.type === 'array') {
      this.invalidations++;
      for (const key of keys.items) this.cache.delete(textOf(key) ?? '');
    } else {
      this.flushes++;
      this.cache.clear();
    }
  }
}

async function valuesOf(fixture: Fixture): Promise<Map<string, string>> {
  await using client = await RawClient.connect(fixture.proxy.plainAddress ?? '');
  const values = new Map<string, string>();
  for (const key of KEYS) values.set(key, textOf(await client.command('GET', key)) ?? 'null');
  return values;
}

test(`no client keeps a value that is not there any more (PROXY_SEED=${seed})`, async () => {
  const random = seededRandom(seed);
  // However long a server takes to start again, reads wait for it: an error would pass for a value.
  const fixture = await startFixture([...HALVES], {
    plainAddress: '127.0.0.1:0',
    backendWaitMs: 60_000,
  });
  const plain = fixture.proxy.plainAddress ?? '';
  const { address } = fixture.proxy;
  const clients = await Promise.all([
    CachingClient.connect(address, ''),
    CachingClient.connect(plain, ''),
    CachingClient.connect(plain, 'OPTIN'),
    CachingClient.connect(plain, 'BCAST PREFIX key'),
    CachingClient.connect(address, 'NOLOOP'),
  ]);
  const writer = await RawClient.connect(plain);
  const addresses = fixture.redis.map((server) => server.address);
  let epoch = 1;
  let isSwapped = false;
  for (let round = 0; round < ROUNDS; round++) {
    for (let step = 0; step < STEPS; step++) {
      const [index, key] = [random.int(clients.length), random.pick(KEYS)];
      const client = clients[index];
      if (random.chance(0.5)) {
        const reply = writer.command('SET', key, `${round}.${step}`);
        if (random.chance(0.3)) await reply;
        else reply.catch(() => undefined);
      } else if (index === 2) client?.read([key], random.pick(['opt-in', 'pass']));
      else if (index === 0 || index === 4) client?.read([key], random.pick(['get', 'exec']));
      else client?.read([key, random.pick(KEYS), random.pick(KEYS)], 'mget');
    }
    if (random.chance(0.5)) await fixture.redis[random.int(2)]?.restart();
    else {
      isSwapped = !isSwapped;
      const local = addresses.map(
        (server, i) => [server, HALVES[isSwapped ? 1 - i : i] ?? ''] as const,
      );
      await setCluster(fixture.proxy, local, { epoch: ++epoch });
    }
    await writer.command('PING');
    await expect.poll(() => clients.every((client) => client.isIdle)).toBe(true);
    const values = await valuesOf(fixture);
    for (const { cache } of clients) {
      const stale = (): string[] =>
        [...cache].filter(([key, value]) => values.get(key) !== value).map(String);
      await expect.poll(stale).toEqual([]);
    }
  }
  for (const client of clients) expect(client.invalidations).toBeGreaterThan(0);
  expect(clients.reduce((sum, client) => sum + client.flushes, 0)).toBeGreaterThan(0);
  await Promise.all([writer, ...clients].map((client) => client.close()));
  await fixture.stop();
});
