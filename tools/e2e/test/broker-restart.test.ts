import { RawClient } from '@undermoon/testkit';
import { expect, it } from 'vitest';
import { askBroker, brokerEpoch } from '../src/broker-http.ts';
import { startProgramCluster } from '../src/program-cluster.ts';
import { isAlive } from '../src/running-cluster.ts';
import { until } from '../src/until.ts';
import { useCluster } from './use-cluster.ts';

const COORDINATORS = 2;
const running = useCluster(() => startProgramCluster({ port: 26550 }));

async function metrics(): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${running().brokerUrl}/metrics`);
  const lines = (await response.text()).split('\n').filter((line) => !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

/** Requests that were answered, by route. */
async function requests(route: string): Promise<number> {
  const prefix = 'undermoon_broker_http_request_duration_seconds_count';
  const found = [...(await metrics())].filter(
    ([name]) => name.startsWith(prefix) && name.includes(`route="/api/v3${route}"`),
  );
  return found.reduce((sum, [, count]) => sum + count, 0);
}

async function watched(): Promise<void> {
  await until(
    'all coordinators watch',
    async () => (await metrics()).get('undermoon_broker_watchers') === COORDINATORS,
    { timeoutMs: 20_000 },
  );
}

/** Inventories come about once a second from each coordinator. */
async function inventories(count: number): Promise<void> {
  const before = await requests('/epoch');
  await until('inventories', async () => (await requests('/epoch')) >= before + count, {
    timeoutMs: 30_000,
  });
}

/** Changes a cluster, and waits until its proxies know. */
async function change(scanCount: number): Promise<void> {
  const { brokerUrl, proxies } = running();
  const body = { migration_scan_count: `${scanCount}` };
  expect((await askBroker(brokerUrl, 'PATCH', '/clusters/config/demo', body)).status).toBe(200);
  const epoch = await brokerEpoch(brokerUrl);
  const members = (await askBroker(brokerUrl, 'GET', '/metadata')).json as {
    all_proxies: Record<string, { cluster: string | null }>;
  };
  for (const { address } of proxies) {
    if (members.all_proxies[address]?.cluster === null) continue;
    await using client = await RawClient.connect({ port: Number(address.split(':')[1]) });
    await until(
      `${address} knows epoch ${epoch}`,
      async () => {
        const reply = await client.command('UMCTL', 'GETEPOCH');
        return reply.type === 'integer' && Number(reply.value) >= epoch;
      },
      { timeoutMs: 10_000 },
    );
  }
}

it(
  'coordinators that watch read what changed and nothing else, also after the broker was killed',
  { timeout: 120_000 },
  async () => {
    const cluster = running();
    for (const [round, scanCount] of [17, 18].entries()) {
      await watched();
      // What was read at the beginning is over.
      await inventories(3 * COORDINATORS);
      const clusters = await requests('/clusters/meta/:name');
      const lists = await requests('/proxies/addresses');
      const documents = await requests('/proxies/meta/:address');
      await change(scanCount);
      await inventories(3 * COORDINATORS);
      expect((await requests('/clusters/meta/:name')) - clusters, `round ${round}`).toBe(
        COORDINATORS,
      );
      expect(await requests('/proxies/addresses')).toBe(lists);
      expect(await requests('/proxies/meta/:address')).toBe(documents);
      if (round > 0) return;
      const pid = cluster.brokerPid;
      process.kill(pid, 'SIGKILL');
      await until('the broker is gone', () => !isAlive(pid), { timeoutMs: 5000 });
      await cluster.startBroker();
    }
  },
);
