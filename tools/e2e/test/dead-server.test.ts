// A Redis server that dies while its proxy lives: started again at once it is no failure; otherwise the other proxy's replica
// takes over with everything that it had, and the server becomes a replica when it is there again.
import { textOf } from '@undermoon/resp';
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
/** Less than the default, which is tested on a virtual clock. */
const DOWN_MS = 3000;
const KEYS = 200;

const running = useCluster(() =>
  startProgramCluster({
    port: 29_100,
    proxyCount: 2,
    brokerFlags: ['--failure-quorum', '2'],
    coordinatorFlags: ['--redis-down-time', `${DOWN_MS}`],
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

function pidOf(server: string): number {
  const all = running().proxies.flatMap(({ redis }) => redis);
  const found = all.find(({ address }) => address === server);
  if (found === undefined) throw new Error(`no server ${server}`);
  return found.pid;
}

/** SIGKILL; returns the time before it. */
async function killServer(server: string): Promise<number> {
  const pid = pidOf(server);
  const killedAt = performance.now();
  process.kill(pid, 'SIGKILL');
  await until('the server is gone', () => !isAlive(pid), { timeoutMs: 5000 });
  return killedAt;
}

/** The end of a process may be known to the system before the test is told. */
async function startAgain({ index, master }: Victim): Promise<void> {
  const answers = async (): Promise<boolean> => {
    await running().startServers(index);
    return (await askText(master, 'PING')) === 'PONG';
  };
  await until('the server answers again', answers, { timeoutMs: HEALTHY_MS });
}

/** Waits until proxies know of every server that there is a complete copy: a failover is for nobody's guess. */
async function untilCopied(): Promise<void> {
  const proxies = running().proxies.map(({ address }) => address);
  const isCopied = async (): Promise<boolean> => {
    for (const proxy of proxies) {
      const reply = await ask(proxy, 'UMCTL', 'INFOREPL');
      if (reply.type !== 'array' || reply.items.length !== 2) return false;
      for (const server of reply.items) {
        const lines = server.type === 'array' ? server.items.map(textOf) : [];
        if (!lines.some((line) => /^copied_ms:\d/.test(line ?? ''))) return false;
      }
    }
    return true;
  };
  await until('all servers are copied', isCopied, { timeoutMs: HEALTHY_MS });
}

async function failedProxies(): Promise<string> {
  return (await askBroker(running().brokerUrl, 'GET', '/proxies/failed/addresses')).text;
}

it(
  'a server that is started again at once is not failed over',
  { timeout: 60_000 },
  async (context) => {
    const cluster = running();
    const victim = await chooseVictim();
    const killedAt = await killServer(victim.master);
    await startAgain(victim);
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
      await untilCopied();
      const killedAt = await killServer(victim.master);
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
    await startAgain(victim);
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

it(
  'a server that hangs is replaced too, with the other master of its proxy, and follows when it goes on',
  { timeout: 120_000 },
  async () => {
    const cluster = running();
    const before = await clusterDocument(cluster.brokerUrl, 'demo');
    const [serving = '', ...more] = servingAddresses(before);
    expect(more).toEqual([]);
    const spare = cluster.proxies.find(({ address }) => address !== serving);
    if (spare === undefined) throw new Error('no other proxy');
    expect(await cluster.register(spare)).toBe(409);
    const victim = await chooseVictim();
    expect(victim.proxy).toBe(serving);
    const client = await openIoredis({ nodes: startNodes(cluster), protocol: 3 });
    const probe = new WriteProbe({ client, label: 'hanging-server' });
    const pid = pidOf(victim.master);
    const masters = before.nodes.filter(({ slots }) => slots.length > 0);
    const keys = masters.map(({ slots }) => {
      const tag = slotTags()[slots[0]?.range_list[0]?.[0] ?? 0] ?? '';
      return `{${tag}}before`;
    });
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(await askText(serving, 'SET', key, 'v')).toBe('OK');
    for (const { address } of masters) {
      expect(await askText(address, 'WAIT', '1', '10000')).toBe('1');
    }
    try {
      await probe.untilSteady({ from: 0, goodForMs: 500, timeoutMs: HEALTHY_MS });
      await untilCopied();
      const stoppedAt = performance.now();
      process.kill(pid, 'SIGSTOP');
      const steady = { from: stoppedAt, goodForMs: 500, timeoutMs: HEALTHY_MS };
      const outageMs = (await probe.untilSteady(steady)) - stoppedAt;
      console.info(`${victim.master} stopped: writes of all slots again after ${outageMs} ms`);
      expect(outageMs).toBeGreaterThan(DOWN_MS - 500);
    } finally {
      process.kill(pid, 'SIGCONT');
      await probe.stop();
      await client.close();
    }
    const after = await untilHealthy(cluster, HEALTHY_MS);
    expect(servingAddresses(after)).toEqual([victim.other]);
    for (const key of keys) expect(await askText(victim.other, 'GET', key)).toBe('v');
  },
);
