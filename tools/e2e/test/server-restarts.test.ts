// What becomes of keys when Redis servers without persistence are started again, and the way of docs/operations.md
// to do that without losing any.
import { expect, it } from 'vitest';
import { askBroker, clusterDocument } from '../src/broker-http.ts';
import { servingAddresses, untilHealthy } from '../src/cluster-state.ts';
import { ask, askText } from '../src/node-facts.ts';
import { startProgramCluster } from '../src/program-cluster.ts';
import { killProxy, type ProxyPart } from '../src/running-cluster.ts';
import { slotTags } from '../src/key-slot.ts';
import { until } from '../src/until.ts';
import { useCluster } from './use-cluster.ts';

const HEALTHY_MS = 30_000;
const running = useCluster(() => startProgramCluster({ port: 29_000, proxyCount: 2 }));

function indexOf(address: string): number {
  return running().proxies.findIndex((proxy) => proxy.address === address);
}

function proxyAt(index: number): ProxyPart {
  const proxy = running().proxies[index];
  if (proxy === undefined) throw new Error(`no proxy ${index}`);
  return proxy;
}

async function post(path: string, method = 'POST'): Promise<string> {
  const { status, json } = await askBroker(running().brokerUrl, method, path);
  const { error = '' } = (json ?? {}) as { readonly error?: string };
  return `${status} ${error}`.trim();
}

async function failedProxies(): Promise<string> {
  return (await askBroker(running().brokerUrl, 'GET', '/proxies/failed/addresses')).text;
}

/** A key that the proxy serves. */
async function keyAt(proxy: string): Promise<string> {
  const { nodes } = await clusterDocument(running().brokerUrl, 'demo');
  const node = nodes.find((one) => one.proxy_address === proxy && one.slots.length > 0);
  return `{${slotTags()[node?.slots[0]?.range_list[0]?.[0] ?? 0]}}key`;
}

/** What docs/operations.md tells to do: fails the proxy over, starts its servers again without data, takes it back. */
async function restartFailedOver(address: string): Promise<void> {
  const cluster = running();
  await until('its replicas have all of its keys', () => areReplicasComplete(address), {
    timeoutMs: HEALTHY_MS,
  });
  // There is no spare: the other proxy takes all slots, and this one's servers stay, as replicas.
  expect(await post(`/proxies/failover/${address}`)).toBe('409 NO_AVAILABLE_RESOURCE');
  const [other, ...more] = servingAddresses(await untilHealthy(cluster, HEALTHY_MS));
  expect(more).toEqual([]);
  expect(other).not.toBe(address);
  await cluster.restartServers(indexOf(address));
  await untilHealthy(cluster, HEALTHY_MS);
  expect(await cluster.register(proxyAt(indexOf(address)))).toBe(409);
  const balance = async (): Promise<boolean> =>
    (await post('/clusters/balance/demo', 'PUT')) === '200';
  await until('the roles are balanced', balance, { timeoutMs: HEALTHY_MS });
  expect(servingAddresses(await untilHealthy(cluster, HEALTHY_MS))).toHaveLength(2);
}

it(
  'servers of a proxy that was failed over can be started again empty, and no key is lost',
  { timeout: 120_000 },
  async () => {
    const serving = servingAddresses(await clusterDocument(running().brokerUrl, 'demo'));
    expect(serving).toHaveLength(2);
    const keys = new Map<string, string>();
    for (const address of serving) keys.set(address, await keyAt(address));
    for (const [address, key] of keys) expect(await askText(address, 'SET', key, 'v')).toBe('OK');
    for (const address of serving) await restartFailedOver(address);
    for (const [address, key] of keys) expect(await askText(address, 'GET', key)).toBe('v');
  },
);

it(
  'a failed proxy that is registered as soon as it answers again is not failed once more',
  { timeout: 120_000 },
  async () => {
    const cluster = running();
    const [address = '', other = ''] = servingAddresses(
      await clusterDocument(cluster.brokerUrl, 'demo'),
    );
    const index = indexOf(address);
    await killProxy(proxyAt(index), { withRedis: false });
    await until('it is failed over', async () => (await failedProxies()).includes(address), {
      timeoutMs: HEALTHY_MS,
    });
    const failedAt = performance.now();
    // Coordinators repeat a report after five seconds: they would now, if they still held it for dead.
    await until('a report is due again', () => performance.now() > failedAt + 6000, {
      timeoutMs: 10_000,
    });
    await cluster.startProxy(index);
    expect(await cluster.register(proxyAt(index))).toBe(409);
    const states = new Set<string>();
    const registeredAt = performance.now();
    await until(
      'coordinators have looked at it several times',
      async () => {
        states.add(await failedProxies());
        return performance.now() > registeredAt + 3000;
      },
      { timeoutMs: 10_000, intervalMs: 20 },
    );
    expect([...states]).toEqual(['{"addresses":[]}']);
    expect(servingAddresses(await untilHealthy(cluster, HEALTHY_MS))).toEqual([other]);
    expect(await post('/clusters/balance/demo', 'PUT')).toBe('200');
    await untilHealthy(cluster, HEALTHY_MS);
  },
);

it(
  'a master that is started again without persistence has what its last full copy of another had, and so has its replica',
  { timeout: 120_000 },
  async () => {
    const cluster = running();
    const [address = ''] = servingAddresses(await clusterDocument(cluster.brokerUrl, 'demo'));
    const key = await keyAt(address);
    expect(await askText(address, 'SET', key, 'copied')).toBe('OK');
    await restartFailedOver(address);
    expect(await askText(address, 'SET', key, 'later')).toBe('OK');
    expect(await askText(address, 'SET', `${key}2`, 'later')).toBe('OK');
    const { nodes } = await untilHealthy(cluster, HEALTHY_MS);
    const master = nodes.find((node) => node.proxy_address === address && node.slots.length > 0);
    const replica = master?.repl.peers[0]?.node_address ?? '';
    await until('both are at the replica', async () => (await keyCount(replica)) >= 2, {
      timeoutMs: HEALTHY_MS,
    });
    await cluster.restartServers(indexOf(address));
    await untilHealthy(cluster, HEALTHY_MS);
    expect(await askText(address, 'GET', key)).toBe('copied');
    expect(await ask(address, 'GET', `${key}2`)).toMatchObject({ type: 'null' });
    await until('its replica has lost it too', async () => (await keyCount(replica)) === 1, {
      timeoutMs: HEALTHY_MS,
    });
  },
);

/** Replication is asynchronous: what a master has not passed on when it is failed over is lost. */
async function areReplicasComplete(proxy: string): Promise<boolean> {
  const { nodes } = await clusterDocument(running().brokerUrl, 'demo');
  const masters = nodes.filter((node) => node.proxy_address === proxy && node.slots.length > 0);
  for (const master of masters) {
    const replica = master.repl.peers[0]?.node_address ?? '';
    if ((await keyCount(replica)) < (await keyCount(master.address))) return false;
  }
  return true;
}

async function keyCount(server: string): Promise<number> {
  return Number(await askText(server, 'DBSIZE'));
}
