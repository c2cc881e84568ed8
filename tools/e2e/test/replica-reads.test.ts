import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { afterAll, describe, expect, it } from 'vitest';
import { askBroker, clusterDocument, type ClusterDocument } from '../src/broker-http.ts';
import { untilHealthy } from '../src/cluster-state.ts';
import { startLocalCluster } from '../src/local-cluster.ts';
import { ask, askFields } from '../src/node-facts.ts';
import { killProxy, portOf } from '../src/running-cluster.ts';
import { until } from '../src/until.ts';
import { startNodes, useCluster } from './use-cluster.ts';

const HEALTHY_MS = 30_000;
const KEY_COUNT = 64;

const running = useCluster(() => startLocalCluster({ port: 26650 }));

/** A client that reads from replicas. */
interface Reader {
  readonly name: string;
  get(key: string): Promise<string | null>;
  close(): void;
}

const readers: Reader[] = [];

afterAll(() => {
  for (const reader of readers) reader.close();
});

/** Whether the client may read from masters too. */
const TAKES_TURNS = 'node-redis useReplicas';

async function openReaders(): Promise<void> {
  const nodes = startNodes(running()).map((node) => ({ host: '127.0.0.1', port: portOf(node) }));
  const ioredis = new Cluster(nodes, { scaleReads: 'slave', slotsRefreshInterval: 1000 });
  ioredis.on('error', () => undefined);
  const nodeRedis = createCluster({
    rootNodes: nodes.map((socket) => ({ socket })),
    useReplicas: true,
  });
  nodeRedis.on('error', () => undefined);
  await nodeRedis.connect();
  readers.push(
    {
      name: 'ioredis scaleReads',
      get: (key) => ioredis.get(key),
      close: () => ioredis.disconnect(),
    },
    { name: TAKES_TURNS, get: (key) => nodeRedis.get(key), close: () => nodeRedis.destroy() },
  );
}

const keyOf = (index: number): string => `read:${index}`;
const valueOf = (index: number): string => `value ${index}`;

/** Writes every key and waits until all replicas have it. */
async function writeKeys(): Promise<void> {
  const writer = new Cluster(
    startNodes(running()).map((node) => ({ host: '127.0.0.1', port: portOf(node) })),
  );
  try {
    for (let i = 0; i < KEY_COUNT; i++) await writer.set(keyOf(i), valueOf(i));
  } finally {
    writer.disconnect();
  }
  const { nodes } = await clusterDocument(running().brokerUrl, 'demo');
  await until(
    'replicas have what their masters have',
    async () => {
      const sizes = await Promise.all(
        nodes.map(async ({ address }) => (await ask(address, 'DBSIZE')) as { value: unknown }),
      );
      const total = sizes.reduce((sum, { value }) => sum + Number(value), 0);
      return total === 2 * KEY_COUNT;
    },
    { timeoutMs: 5000 },
  );
}

/** Reads a key: 'right', 'error', or the wrong value. */
async function read(reader: Reader, index: number): Promise<string> {
  try {
    const value = await reader.get(keyOf(index));
    return value === valueOf(index) ? 'right' : `${keyOf(index)}: ${value}`;
  } catch {
    return 'error';
  }
}

/** Reads every key in a loop of its own; counts by outcome. */
async function readUntil(reader: Reader, over: AbortSignal): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const loop = async (index: number): Promise<void> => {
    while (!over.aborted) {
      const outcome = await read(reader, index);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: KEY_COUNT }, (_, index) => loop(index)));
  return counts;
}

/** GET commands that masters, and that replicas have executed. */
async function getCalls(document: ClusterDocument): Promise<{ master: number; replica: number }> {
  const calls = { master: 0, replica: 0 };
  for (const { address, repl } of document.nodes) {
    const stats = (await askFields(address, 'INFO', 'commandstats')).get('cmdstat_get') ?? '';
    calls[repl.role] += Number(/^calls=(\d+)/.exec(stats)?.[1] ?? 0);
  }
  return calls;
}

/** Waits until every read of a round comes from a replica, or some of them where clients take turns. */
async function untilFromReplicas(reader: Reader): Promise<number> {
  const document = await clusterDocument(running().brokerUrl, 'demo');
  return await until(
    `${reader.name} reads from replicas`,
    async () => {
      const before = await getCalls(document);
      const indexes = Array.from({ length: KEY_COUNT }, (_, index) => index);
      const outcomes = await Promise.all(indexes.map((index) => read(reader, index)));
      expect(new Set(outcomes)).toEqual(new Set(['right']));
      const after = await getCalls(document);
      const fromReplicas = after.replica - before.replica;
      return fromReplicas >= (reader.name === TAKES_TURNS ? KEY_COUNT / 4 : KEY_COUNT)
        ? fromReplicas
        : null;
    },
    { timeoutMs: 15_000 },
  );
}

describe('clients that read from replicas', { timeout: 120_000 }, () => {
  it('find them while each proxy has a master', async () => {
    await writeKeys();
    await openReaders();
    for (const reader of readers) expect(await untilFromReplicas(reader)).toBeGreaterThan(0);
  });

  it('never read a wrong value over a failover, and find the new replicas', async () => {
    const over = new AbortController();
    const results = readers.map((reader) => readUntil(reader, over.signal));
    const [victim] = running().proxies;
    expect(victim).toBeDefined();
    await killProxy(victim!, { withRedis: true });
    await until(
      'a spare proxy has taken the place',
      async () => {
        const document = await clusterDocument(running().brokerUrl, 'demo');
        return document.nodes.every((node) => node.proxy_address !== victim!.address);
      },
      { timeoutMs: HEALTHY_MS },
    );
    await untilHealthy(running(), HEALTHY_MS);
    over.abort();
    for (const [index, { right = 0, error = 0, ...wrong }] of (
      await Promise.all(results)
    ).entries()) {
      console.info(`${readers[index]?.name}: ${right} right replies, ${error} errors`);
      expect(wrong).toEqual({});
      // node-redis waits for 5 s at each node that is gone.
      expect(right).toBeGreaterThan(readers[index]?.name === TAKES_TURNS ? 0 : 1000);
    }
    for (const reader of readers) expect(await untilFromReplicas(reader)).toBeGreaterThan(0);
  });

  it('find them again when each proxy has a master again', async () => {
    const path = '/clusters/balance/demo';
    expect((await askBroker(running().brokerUrl, 'PUT', path)).status).toBe(200);
    await untilHealthy(running(), HEALTHY_MS);
    for (const reader of readers) expect(await untilFromReplicas(reader)).toBeGreaterThan(0);
  });
});
