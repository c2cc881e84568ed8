import { expect, it } from 'vitest';
import { askBroker, clusterDocument } from '../src/broker-http.ts';
import { startProgramCluster } from '../src/program-cluster.ts';
import { until } from '../src/until.ts';
import { useCluster } from './use-cluster.ts';

const running = useCluster(() => startProgramCluster({ port: 26500 }));

/** How many slots each proxy serves by the broker's document, the moving ones counted at their source. */
async function slots(): Promise<Record<string, number>> {
  const { nodes } = await clusterDocument(running().brokerUrl, 'demo');
  const counts: Record<string, number> = {};
  for (const node of nodes) {
    for (const { range_list: ranges } of node.slots) {
      for (const [start, end] of ranges) {
        counts[node.proxy_address] = (counts[node.proxy_address] ?? 0) + end - start + 1;
      }
    }
  }
  return counts;
}

it(
  'a move of slots that runs is cancelled with the word of its source, and the cluster is as before',
  { timeout: 90_000 },
  async () => {
    const { brokerUrl } = running();
    const before = await slots();
    const ask = async (method: string, path: string) =>
      (await askBroker(brokerUrl, method, `/clusters/${path}/demo`)).status;
    const added = await askBroker(brokerUrl, 'PATCH', '/clusters/nodes/demo', { node_number: 4 });
    expect(added.status).toBe(200);
    expect(await ask('POST', 'migrations/expand')).toBe(200);
    // One of the two runs; its source promises as soon as it has the metadata that tells it.
    await until(
      'nothing moves',
      async () => {
        const { json } = await askBroker(brokerUrl, 'GET', '/clusters/migrations/demo');
        if ((json as { migrations: unknown[] }).migrations.length === 0) return true;
        await ask('POST', 'migrations/cancel');
        return false;
      },
      { timeoutMs: 20_000 },
    );
    expect(await ask('DELETE', 'free_nodes')).toBe(200);
    expect(await slots()).toEqual(before);
  },
);
