import { encodeCommand, type RespValue } from '@undermoon/resp';
import { RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { createProxyServer, type ProxyServer } from '../../src/index.ts';
import { PATIENT } from '../fixture.ts';
import { metaOf } from './meta.ts';

// Metadata of generation g sends all slots to the first server, the second server or a peer, by g modulo 3. The
// peer's port is the generation. Counters start at different values, so every reply tells where its command went.
const SECOND_BASE = 1_000_000_000;
const CLIENTS = 12;
const PIPELINE = 10;

/** What all clients of the storm know together. */
class Oracle {
  /** Of the metadata that was installed last. */
  installed = 0;
  /** The newest generation that some reply has shown to be in use. */
  seen = 0;
  flips = 0;
  readonly #batches = new Map<number, number>();

  install(generation: number): void {
    this.installed = generation;
    this.flips++;
    this.#batches.clear();
  }

  batchDone(client: number): void {
    this.#batches.set(client, 1);
  }

  /** Every client has sent and received something since the last change. */
  get isSettled(): boolean {
    return this.#batches.size === CLIENTS;
  }

  /** Checks that a command sent when `floor` was known went where a table of then or later sends it. */
  check(reply: RespValue, floor: number): 'first' | 'second' | 'peer' {
    if (reply.type === 'error') {
      const generation = Number(/^MOVED \d+ 10\.0\.0\.1:(\d+)$/.exec(reply.value)?.[1]);
      if (!(generation >= floor)) throw new Error(`${reply.value} though ${floor} was in use`);
      this.seen = Math.max(this.seen, generation);
      return 'peer';
    }
    if (reply.type !== 'integer') throw new Error(JSON.stringify(reply));
    const kind = reply.value >= SECOND_BASE ? 1 : 0;
    let generation = floor;
    while (generation % 3 !== kind) generation++;
    if (generation > this.installed)
      throw new Error(`to server ${kind} though ${floor} was in use`);
    this.seen = Math.max(this.seen, generation);
    return kind === 0 ? 'first' : 'second';
  }
}

interface Counts {
  first: number;
  second: number;
}

async function storm(
  client: RawClient,
  index: number,
  oracle: Oracle,
  flip: () => boolean,
): Promise<Counts> {
  const counts: Counts = { first: 0, second: 0 };
  const batch = Buffer.concat(
    Array.from({ length: PIPELINE }, () => encodeCommand(['INCR', `counter:${index}`])),
  );
  let newest = 0;
  do {
    const floor = Math.max(oracle.installed, oracle.seen, newest);
    const replies = client.replies(PIPELINE);
    void client.send(batch);
    for (const reply of await replies) {
      const place = oracle.check(reply, floor);
      if (place === 'peer' || reply.type !== 'integer') continue;
      counts[place]++;
      // In order, none lost, none doubled.
      const base = place === 'first' ? 0 : SECOND_BASE;
      expect(reply.value).toBe(base + counts[place]);
    }
    newest = oracle.seen;
    oracle.batchDone(index);
  } while (flip());
  return counts;
}

async function startStorm(
  threads: number,
  spreadClients: 'at-once' | 'when-needed',
): Promise<{
  redis: readonly RedisServer[];
  proxy: ProxyServer;
  clients: RawClient[];
  stop(): Promise<void>;
}> {
  const redis = await Promise.all([startRedis(), startRedis()]);
  const proxy = createProxyServer({ ...PATIENT, address: '127.0.0.1:0', spreadClients, threads });
  await proxy.listen();
  const second = await RawClient.connect(redis[1].address);
  for (let i = 0; i < CLIENTS; i++) {
    await second.command('SET', `counter:${i}`, String(SECOND_BASE));
  }
  await second.close();
  const clients: RawClient[] = [];
  for (let i = 0; i < CLIENTS; i++) clients.push(await RawClient.connect(proxy.address));
  return {
    redis,
    proxy,
    clients,
    async stop() {
      await Promise.all(clients.map((client) => client.close()));
      await proxy.close();
      await Promise.all(redis.map((server) => server.stop()));
    },
  };
}

async function checkCounters(
  redis: readonly RedisServer[],
  counts: readonly Counts[],
): Promise<void> {
  for (const [which, server] of redis.entries()) {
    const direct = await RawClient.connect(server.address);
    for (const [i, { first, second }] of counts.entries()) {
      const reply = await direct.command('GET', `counter:${i}`);
      const value = reply.type === 'bulk' ? Number(reply.value) : 0;
      expect(value).toBe(which === 0 ? first : SECOND_BASE + second);
    }
    await direct.close();
  }
}

test.each([
  [1, 'at-once'],
  [2, 'at-once'],
  [3, 'at-once'],
  [2, 'when-needed'],
  [3, 'when-needed'],
] as const)(
  'with %i loops, clients spread %s, no command goes by an old table after another went by a new one',
  { timeout: 60_000 },
  async (threads, spreadClients) => {
    const started = await startStorm(threads, spreadClients);
    const { redis, proxy, clients } = started;
    const oracle = new Oracle();
    const install = (generation: number): void => {
      proxy.setMetadata(metaOf(proxy, redis[generation % 3] ?? null, generation));
      oracle.install(generation);
    };
    install(2);
    const flip = (): boolean => {
      // Most changes come when the one before is through, some in its middle.
      if (oracle.isSettled || oracle.flips % 7 === 0) install(oracle.installed + 1);
      return oracle.flips < 400;
    };
    const counts = await Promise.all(
      clients.map((client, index) => storm(client, index, oracle, flip)),
    );
    await checkCounters(redis, counts);
    expect(counts.some(({ first, second }) => first > 100 && second > 100)).toBe(true);
    await started.stop();
  },
);
