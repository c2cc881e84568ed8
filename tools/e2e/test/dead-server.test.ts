// A Redis server that dies while its proxy lives: started again at once it is no failure; otherwise the other proxy's replica
// takes over with everything that it had, and the server becomes a replica when it is there again.
import { expect, it } from 'vitest';
import { askBroker, clusterDocument } from '../src/broker-http.ts';
import { servingAddresses, untilHealthy } from '../src/cluster-state.ts';
import { openIoredis } from '../src/ioredis-client.ts';
import { slotTags } from '../src/key-slot.ts';
import { ask, askFields, askText } from '../src/node-facts.ts';
import { startProgramCluster } from '../src/program-cluster.ts';
import { isAlive } from '../src/running-cluster.ts';
import { until } from '../src/until.ts';
import { WriteProbe } from '../src/write-probe.ts';
import { startNodes, useCluster } from './use-cluster.ts';

const HEALTHY_MS = 30_000;
/** The default of `redis_down_time`. */
const DOWN_MS = 3000;
const KEYS = 200;

const running = useCluster(() =>
  startProgramCluster({
    port: 26_800,
    proxyCount: 2,
    brokerFlags: ['--failure-quorum', '2'],
  }),
);

interface Victim {
  /** The proxy's place in the list of all. */
  readonly index: number;
  readonly proxy: string;
  readonly other: string;
  readonly master: string;
  readonly replica: string;
  /** Of the master's first slot. */
  readonly tag: string;
}

async function chooseVictim(): Promise<Victim> {
  const { nodes } = await clusterDocument(running().brokerUrl, 'demo');
  const node = nodes.find(({ slots }) => slots.length > 0);
  const peer = node?.repl.peers[0];
  if (node === undefined || peer === undefined) throw new Error('no master with a replica');
  return {
    index: running().proxies.findIndex(({ address }) => address === node.proxy_address),
    proxy: node.proxy_address,
    other: peer.proxy_address,
    master: node.address,
    replica: peer.node_address,
    tag: slotTags()[node.slots[0]?.range_list[0]?.[0] ?? 0] ?? '',
  };
}

/** SIGKILL; returns the time before it. */
async function killServer(server: string): Promise<number> {
  const all = running().proxies.flatMap(({ redis }) => redis);
  const pid = all.find(({ address }) => address === server)?.pid ?? 0;
  const killedAt = performance.now();
  process.kill(pid, 'SIGKILL');
  await until('the server is gone', () => !isAlive(pid), { timeoutMs: 5000 });
  return killedAt;
}

async function failedProxies(): Promise<string> {
  return (await askBroker(running().brokerUrl, 'GET', '/proxies/failed/addresses')).text;
}

async function missingMasters(coordinator: string): Promise<number> {
  const info = await askFields(coordinator, 'INFO');
  return Number(info.get('proxies_missing_masters'));
}

it(
  'a server that is started again at once is not failed over',
  { timeout: 60_000 },
  async (context) => {
    const cluster = running();
    const victim = await chooseVictim();
    const killedAt = await killServer(victim.master);
    await cluster.startServers(victim.index);
    await until('it answers', async () => (await askText(victim.master, 'PING')) === 'PONG', {
      timeoutMs: HEALTHY_MS,
    });
    // On a machine that is so slow it was no short restart.
    if (performance.now() - killedAt > DOWN_MS - 500) return context.skip();
    const states = new Set<string>();
    await until(
      'it would have been failed over',
      async () => {
        states.add(await failedProxies());
        return performance.now() > killedAt + 2 * DOWN_MS;
      },
      { timeoutMs: HEALTHY_MS },
    );
    expect([...states]).toEqual(['{"addresses":[]}']);
    expect(servingAddresses(await untilHealthy(cluster, HEALTHY_MS))).toContain(victim.proxy);
  },
);

it(
  'a server that stays away is replaced by its replica, and comes back as a replica itself',
  { timeout: 120_000 },
  async () => {
    const cluster = running();
    await untilHealthy(cluster, HEALTHY_MS);
    const victim = await chooseVictim();
    const key = (n: number): string => `{${victim.tag}}acknowledged:${n}`;
    for (let n = 0; n < KEYS; n++) {
      expect(await askText(victim.proxy, 'SET', key(n), `${n}`)).toBe('OK');
    }
    expect(await askText(victim.master, 'WAIT', '1', '10000')).toBe('1');
    const client = await openIoredis({ nodes: startNodes(cluster), protocol: 3 });
    const probe = new WriteProbe({ client, label: 'dead-server' });
    try {
      await probe.untilSteady({ from: 0, goodForMs: 500, timeoutMs: HEALTHY_MS });
      const killedAt = await killServer(victim.master);
      const [coordinator] = cluster.coordinators;
      const seen = async (): Promise<boolean> =>
        (await missingMasters(coordinator?.address ?? '')) === 1;
      await until('a coordinator tells of it', seen, { timeoutMs: DOWN_MS });
      const steady = { from: killedAt, goodForMs: 500, timeoutMs: HEALTHY_MS };
      const outageMs = (await probe.untilSteady(steady)) - killedAt;
      console.info(`${victim.master} killed: writes of all slots again after ${outageMs} ms`);
      expect(outageMs).toBeGreaterThan(DOWN_MS - 500);
      expect(outageMs).toBeLessThan(10_000);
    } finally {
      await probe.stop();
      await client.close();
    }
    expect(servingAddresses(await clusterDocument(cluster.brokerUrl, 'demo'))).toEqual([
      victim.other,
    ]);
    expect(await failedProxies()).toBe(`{"addresses":["${victim.proxy}"]}`);
    for (let n = 0; n < KEYS; n++) expect(await askText(victim.other, 'GET', key(n))).toBe(`${n}`);
    expect(await ask(victim.proxy, 'GET', key(0))).toMatchObject({
      type: 'error',
      value: expect.stringMatching(new RegExp(`^MOVED \\d+ ${victim.other}$`)) as string,
    });
    await cluster.startServers(victim.index);
    await untilHealthy(cluster, HEALTHY_MS);
    const info = await askFields(victim.master, 'INFO', 'replication');
    expect([info.get('role'), `${info.get('master_host')}:${info.get('master_port')}`]).toEqual([
      'slave',
      victim.replica,
    ]);
    expect(await askText(victim.master, 'DBSIZE')).toBe(await askText(victim.replica, 'DBSIZE'));
    // Nothing stands in the way of the next failover: the reports have been taken back.
    await until(
      'no proxy is reported',
      async () =>
        (await askBroker(cluster.brokerUrl, 'GET', '/failures')).text === '{"addresses":[]}',
      { timeoutMs: HEALTHY_MS },
    );
  },
);
