import { describe, expect, it } from 'vitest';
import { clusterDocument, type NodeDocument } from '../src/broker-http.ts';
import { openIoredis } from '../src/ioredis-client.ts';
import { keySlot, slotTags, SLOT_COUNT } from '../src/key-slot.ts';
import { askFields, askText } from '../src/node-facts.ts';
import { openNodeRedis } from '../src/node-redis-client.ts';
import { startLocalCluster } from '../src/local-cluster.ts';
import { until } from '../src/until.ts';
import { Workload } from '../src/workload.ts';
import { printedSeed, startNodes, useCluster } from './use-cluster.ts';

const WORK_MS = 3000;
const SLOTS_TIMEOUT_MS = 20_000;

// Eight nodes: keys of four masters, two of them behind proxies that the clients are not told of.
const running = useCluster(() =>
  startLocalCluster({ port: 26000, flags: ['--nodes', '8', '--spare', '0'] }),
);

const CLIENTS = [
  { name: 'ioredis RESP3', open: openIoredis, protocol: 3 },
  { name: 'ioredis RESP2', open: openIoredis, protocol: 2 },
  { name: 'node-redis RESP3', open: openNodeRedis, protocol: 3 },
  { name: 'node-redis RESP2', open: openNodeRedis, protocol: 2 },
] as const;

describe('while nothing fails', () => {
  it.each(CLIENTS)('mixed pipelined work of $name has no error and no wrong value', async (row) => {
    const { name, open, protocol } = row;
    const nodes = startNodes(running());
    const client = await open({ nodes, protocol, slotsTimeoutMs: SLOTS_TIMEOUT_MS });
    const seed = printedSeed(name);
    const label = name.replace(' ', '-');
    const workload = new Workload({ client, seed, label, cellCount: 640, batchSize: 32 });
    try {
      await workload.runFor(WORK_MS);
      await workload.verify();
      // What one client wrote, the other one reads.
      const other = await (open === openIoredis ? openNodeRedis : openIoredis)({ nodes, protocol });
      try {
        await workload.verify(other);
      } finally {
        await other.close();
      }
    } finally {
      await workload.pause();
      await client.close();
    }
    console.info(workload.summary());
    expect(workload.violations).toEqual([]);
    expect([...workload.stats.errorTexts]).toEqual([]);
    expect(client.connectionErrors).toEqual([]);
    expect(workload.stats.replies).toBeGreaterThan(500);
  });

  it('every slot is served, by the Redis that the broker names, and copied to its replica', async () => {
    const nodes = startNodes(running());
    const writer = await openIoredis({ nodes, protocol: 3 });
    const reader = await openNodeRedis({ nodes, protocol: 3 });
    const keys = slotTags().map((tag, slot) => ({ key: `slot:{${tag}}`, slot }));
    try {
      expect(keys.every(({ key, slot }) => keySlot(key) === slot)).toBe(true);
      await forEachInParts(keys, async ({ key, slot }) => {
        expect(await writer.send(key, ['SET', key, `value of ${slot}`])).toBe('OK');
      });
      await forEachInParts(keys, async ({ key, slot }) => {
        expect(await reader.send(key, ['GET', key])).toBe(`value of ${slot}`);
      });
    } finally {
      await Promise.all([writer.close(), reader.close()]);
    }
    const document = await clusterDocument(running().brokerUrl, 'demo');
    expect(document.nodes).toHaveLength(8);
    for (let slot = 0; slot < SLOT_COUNT; slot += 127) {
      const key = keys[slot]?.key ?? '';
      const master = ownerOf(document.nodes, slot);
      const replica = master.repl.peers[0]?.node_address ?? '';
      expect(await askText(master.address, 'GET', key)).toBe(`value of ${slot}`);
      await until(
        `${key} is on its replica`,
        async () => (await askText(replica, 'GET', key)) === `value of ${slot}`,
        { timeoutMs: 5000 },
      );
    }
  });

  it('replicas hold as many keys as their masters', async () => {
    const { nodes } = await clusterDocument(running().brokerUrl, 'demo');
    for (const master of nodes.filter(({ repl }) => repl.role === 'master')) {
      const replica = master.repl.peers[0]?.node_address ?? '';
      const size = await askText(master.address, 'DBSIZE');
      expect(Number(size)).toBeGreaterThan(SLOT_COUNT / 4 - 1);
      await until(
        `${replica} has the ${size} keys of ${master.address}`,
        async () => (await askText(replica, 'DBSIZE')) === size,
        { timeoutMs: 5000 },
      );
      expect((await askFields(replica, 'INFO', 'replication')).get('role')).toBe('slave');
    }
  });
});

function ownerOf(nodes: readonly NodeDocument[], slot: number): NodeDocument {
  const owner = nodes.find(({ slots }) =>
    slots.some(({ range_list: ranges }) =>
      ranges.some(([start, end]) => start <= slot && slot <= end),
    ),
  );
  if (owner === undefined) throw new Error(`slot ${slot} has no owner`);
  return owner;
}

/** 512 at a time, so that the client pipelines them without queueing thousands. */
async function forEachInParts<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < items.length; start += 512) {
    await Promise.all(items.slice(start, start + 512).map(work));
  }
}
