import { RawClient } from '@undermoon/testkit';
import { expect, it } from 'vitest';
import { clusterDocument } from '../src/broker-http.ts';
import { servingAddresses } from '../src/cluster-state.ts';
import { slotTags } from '../src/key-slot.ts';
import { startProgramCluster } from '../src/program-cluster.ts';
import { killProxy } from '../src/running-cluster.ts';
import { within } from '../src/until.ts';
import { useCluster } from './use-cluster.ts';

const REPLY_MS = 20_000;

// What cannot be sent waits until the proxy is there again.
const FLAGS = ['--backend-wait-timeout', '10000'];
const running = useCluster(() =>
  startProgramCluster({ port: 26700, proxyCount: 2, proxyFlags: FLAGS, hasPlainPorts: true }),
);

it(
  'plain clients of another proxy notice no restart of a proxy, not even while it has no metadata yet',
  { timeout: 120_000 },
  async () => {
    const cluster = running();
    const document = await clusterDocument(cluster.brokerUrl, 'demo');
    const [victim = '', other = ''] = servingAddresses(document);
    const slot = document.nodes.find(
      ({ proxy_address: at, slots }) => at === victim && slots.length > 0,
    )?.slots[0]?.range_list[0]?.[0];
    const key = `{${slotTags()[slot ?? 0]}}count`;
    const index = cluster.proxies.findIndex(({ address }) => address === victim);
    const proxy = cluster.proxies[index];
    if (proxy === undefined) throw new Error(`no proxy ${victim}`);
    const at = cluster.proxies.findIndex(({ address }) => address === other);
    await using client = await RawClient.connect(cluster.plainAddress(at));
    const ask = async (name: string): Promise<string> => {
      const reply = await within('a reply', client.command(name, key), REPLY_MS);
      return 'value' in reply ? String(reply.value) : reply.type;
    };
    expect(await ask('INCR')).toBe('1');
    await killProxy(proxy, { withRedis: false });
    // A write could be sent before the other proxy sees that the connection ended: it may then have been executed.
    const [after] = await Promise.all([ask('GET'), cluster.startProxy(index)]);
    expect(after).toBe('1');
    for (let i = 2; i < 50; i++) expect(await ask('INCR')).toBe(`${i}`);
  },
);
