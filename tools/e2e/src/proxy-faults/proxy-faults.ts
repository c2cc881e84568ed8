import { setTimeout as wait } from 'node:timers/promises';
import {
  createProxyServer,
  type ProxyServer,
  type ProxyServerOptions,
} from '@undermoon/proxy-core';
import {
  RawClient,
  type RedisServer,
  seededRandom,
  type SeededRandom,
  startRedis,
} from '@undermoon/testkit';
import { ChaosRelay } from './chaos-relay.ts';
import { FaultClient, type FaultCounts } from './fault-client.ts';

const CLIENTS = 12;
const WAIT_MS = 500;
const TIMEOUT_MS = 400;
/** Two losses, a timeout, and a busy machine. */
const PATIENCE_MS = 2 * WAIT_MS + 2 * TIMEOUT_MS + 8000;

/** How a proxy is run. */
export interface ProxyVariant {
  readonly name: string;
  readonly options: ProxyServerOptions;
}

export const PROXY_VARIANTS: readonly ProxyVariant[] = [
  { name: 'handles', options: { sockets: 'raw-handle' } },
  { name: 'two loops', options: { sockets: 'raw-handle', threads: 2, spreadClients: 'at-once' } },
  { name: 'shared buffer', options: { sockets: 'shared-buffer' } },
  { name: 'data events', options: { sockets: 'data-events' } },
  { name: 'one connection', options: { backendConnNum: 1, backendResendBytesMax: 20_000 } },
];

export interface ProxyFaultsOptions {
  readonly seed: number;
  readonly variant: ProxyVariant;
  readonly seconds: number;
}

/** What one run came to. */
export interface ProxyFaultsResult {
  readonly variant: string;
  readonly counts: FaultCounts;
  readonly faults: Readonly<Record<string, number>>;
  readonly info: Readonly<Record<string, number>>;
  /** Empty: every promise was kept. */
  readonly violations: readonly string[];
}

/**
 * Clients send pipelines through a proxy to two real servers while connections are damaged and the second server is killed,
 * frozen and started again. No reply may belong to another command, no acknowledged write may be lost, none may be
 * executed twice, and nobody may wait for ever.
 */
export async function runProxyFaults({
  seed,
  variant,
  seconds,
}: ProxyFaultsOptions): Promise<ProxyFaultsResult> {
  const random = seededRandom(seed).fork(variant.name);
  const field = await startField(random, variant.options);
  const counts: FaultCounts = { right: 0, never: 0, maybe: 0, closed: 0, slowestMs: 0 };
  const violations: string[] = [];
  const clients = Array.from({ length: CLIENTS }, (_, id) => {
    const isPlain = id % 4 === 3;
    const address = isPlain ? (field.proxy.plainAddress ?? '') : field.proxy.address;
    const own = { id, isPlain, address, random: random.fork(`client ${id}`) };
    return new FaultClient({ ...own, patienceMs: PATIENCE_MS, counts, violations });
  });
  const untilMs = performance.now() + seconds * 1000;
  const isOver = (): boolean => performance.now() >= untilMs || violations.length > 0;
  const work = clients.map(async (client) => {
    while (!isOver()) await client.batch();
  });
  await Promise.all([...work, strike(field, random.fork('strikes'), isOver)]);
  violations.push(...(await storedFaults(field.redis, clients)));
  const info = await lossInfo(field.proxy);
  for (const client of clients) await client.close();
  await field.stop();
  return { variant: variant.name, counts, faults: field.faults(), info, violations };
}

interface Field {
  readonly redis: readonly RedisServer[];
  readonly relays: readonly ChaosRelay[];
  readonly proxy: ProxyServer;
  /** Tells the proxy the same slots again, as newer metadata. */
  announce(): Promise<void>;
  calm(): Promise<void>;
  faults(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

async function startField(random: SeededRandom, options: ProxyServerOptions): Promise<Field> {
  // What was written to the log survives the death of the process.
  const args = ['--appendonly', 'yes', '--appendfsync', 'no', '--save', ''];
  const redis = await Promise.all([startRedis({ args }), startRedis({ args })]);
  const relays = redis.map(({ port }, i) => new ChaosRelay(port, random.fork(`relay ${i}`)));
  await Promise.all(relays.map((relay) => relay.listen()));
  const proxy = createProxyServer({
    address: '127.0.0.1:0',
    plainAddress: '127.0.0.1:0',
    backendWaitMs: WAIT_MS,
    backendTimeoutMs: TIMEOUT_MS,
    backendRetryDelayMs: 20,
    ...options,
  });
  await proxy.listen();
  let epoch = 0;
  const ranges = ['0-8191', '8192-16383'];
  const words = relays.flatMap(({ address }, i) => [address, '1', ranges[i] ?? '']);
  const announce = async (): Promise<void> => {
    await using admin = await RawClient.connect(proxy.address);
    await admin.command('UMCTL', 'SETCLUSTER', 'v2', String(++epoch), 'NOFLAG', 'test', ...words);
  };
  await announce();
  return {
    redis,
    relays,
    proxy,
    announce,
    async calm() {
      for (const relay of relays) relay.calm();
      for (const server of redis) if (!server.isRunning) await server.restart();
    },
    faults() {
      const all = relays.flatMap(({ counts }) => [...counts]);
      const names = [...new Set(all.map(([name]) => name))].toSorted();
      return Object.fromEntries(
        names.map((name) => [
          name,
          all.filter(([other]) => other === name).reduce((sum, [, count]) => sum + count, 0),
        ]),
      );
    },
    async stop() {
      proxy.destroy();
      await Promise.all(relays.map((relay) => relay.close()));
      await Promise.all(redis.map((server) => server.stop()));
    },
  };
}

/** Faults that concern a whole server, one after the other; in the end what still waits is cut off, and nothing fails. */
async function strike(field: Field, random: SeededRandom, isOver: () => boolean): Promise<void> {
  const [, mortal] = field.redis;
  while (!isOver()) {
    await wait(50 + random.int(250));
    const relay = random.pick(field.relays);
    const what = random.pick(['cut', 'refuse', 'kill', 'freeze', 'announce', 'outage']);
    relay.note(what);
    if (what === 'cut') relay.cutAll();
    else if (what === 'announce') await field.announce();
    else if (what === 'refuse' || what === 'outage') {
      relay.refuse(true);
      relay.cutAll();
      // An outage is longer than commands wait.
      await wait(what === 'refuse' ? random.int(WAIT_MS) : WAIT_MS + 300);
      relay.refuse(false);
    } else if (what === 'kill') {
      await mortal?.kill('SIGKILL');
      await wait(random.int(WAIT_MS));
      await mortal?.restart();
    } else {
      await mortal?.kill('SIGSTOP');
      await wait(random.int(2 * TIMEOUT_MS));
      await mortal?.kill('SIGCONT');
    }
  }
  // A command that may wait has no time limit of the proxy, so a connection that stands still would hold its client.
  await field.calm();
}

async function storedFaults(
  servers: readonly RedisServer[],
  clients: readonly FaultClient[],
): Promise<string[]> {
  const faults: string[] = [];
  for (const ledger of clients.flatMap((client) => client.ledgers)) {
    const stored: string[] = [];
    for (const server of servers) {
      await using direct = await RawClient.connect(server.address);
      const reply = await direct.command('LRANGE', ledger.key, '0', '-1');
      if (reply.type !== 'array') throw new Error(`no list from ${server.address}`);
      for (const item of reply.items) if (item.type === 'bulk') stored.push(item.value.toString());
    }
    faults.push(...ledger.faults(stored));
  }
  return faults;
}

async function lossInfo(proxy: ProxyServer): Promise<Readonly<Record<string, number>>> {
  await using admin = await RawClient.connect(proxy.address);
  const reply = await admin.command('INFO', 'undermoon');
  const text = 'value' in reply ? String(reply.value) : '';
  const found = text.matchAll(/^backend_commands_(\w+):(\d+)/gm);
  return Object.fromEntries([...found].map(([, name = '', value]) => [name, Number(value)]));
}
