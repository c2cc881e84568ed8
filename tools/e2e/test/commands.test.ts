import { describe, expect, it } from 'vitest';
import { brokerEpoch, clusterDocument } from '../src/broker-http.ts';
import { servingAddresses } from '../src/cluster-state.ts';
import { openIoredis } from '../src/ioredis-client.ts';
import { startLocalCluster } from '../src/local-cluster.ts';
import { programFile } from '../src/programs.ts';
import { isAlive, killProxy } from '../src/running-cluster.ts';
import { runTool, type ToolRun } from '../src/run-tool.ts';
import { until } from '../src/until.ts';
import { useCluster } from './use-cluster.ts';

const running = useCluster(() => startLocalCluster({ port: 26350 }));

interface StatusObject {
  readonly epoch: number;
  readonly clusters: readonly { readonly name: string; readonly isHealthy: boolean }[];
  readonly proxies: readonly {
    readonly address: string;
    readonly cluster: string | null;
    readonly epoch: number | null;
    readonly coveredSlots: number;
    readonly health: string;
    readonly nodes: readonly { readonly role: string; readonly slotCount: number }[];
  }[];
}

function undermoon(...argv: readonly string[]): Promise<ToolRun> {
  const words = [programFile('undermoon'), ...argv, '--broker', running().brokerUrl];
  return runTool(process.execPath, words, { timeoutMs: 20_000, cwd: running().cwd });
}

async function json(...argv: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await undermoon(...argv, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

const status = async (): Promise<StatusObject> => (await json('status')) as StatusObject;

describe('undermoon commands against a running cluster', { timeout: 90_000 }, () => {
  it('status tells what the broker and the proxies tell', async () => {
    const { epoch, clusters, proxies } = await status();
    expect(epoch).toBe(await brokerEpoch(running().brokerUrl));
    expect(clusters).toEqual([{ name: 'demo', isHealthy: true, moves: [], problems: [] }]);
    expect(proxies.map(({ address }) => address)).toEqual(
      running().proxies.map(({ address }) => address),
    );
    const members = proxies.filter(({ cluster }) => cluster === 'demo');
    expect(members).toHaveLength(2);
    for (const member of members) {
      expect(member).toMatchObject({ epoch, coveredSlots: 16_384, health: 'ok' });
      expect(member.nodes.map(({ role }) => role).toSorted()).toEqual(['master', 'replica']);
    }
    const slotCounts = members.flatMap(({ nodes }) => nodes.map(({ slotCount }) => slotCount));
    expect(slotCounts.reduce((sum, count) => sum + count, 0)).toBe(16_384);
  });

  it('a second cluster is made of the spare proxies, serves, and is deleted again', async () => {
    const created = await json('cluster', 'create', 'second', '--nodes', '4');
    const spares = running()
      .proxies.slice(2)
      .map(({ address }) => address);
    expect(created).toEqual({ created: 'second', nodeNumber: 4, proxies: spares, keys: 0 });
    expect(await json('cluster', 'list')).toMatchObject({
      clusters: [{ name: 'demo' }, { name: 'second', nodeNumber: 4, nodeNumberWithSlots: 4 }],
    });
    await until(
      'the second cluster is healthy',
      async () => (await status()).clusters.every(({ isHealthy }) => isHealthy),
      { timeoutMs: 20_000, intervalMs: 200 },
    );
    const info = (await json('cluster', 'info', 'second')) as {
      readonly nodes: readonly { readonly proxyAddress: string; readonly slots: string }[];
    };
    expect(info.nodes.map(({ slots }) => slots).filter((slots) => slots !== '')).toEqual([
      '0-8191',
      '8192-16383',
    ]);
    expect([...new Set(info.nodes.map(({ proxyAddress }) => proxyAddress))]).toEqual(spares);

    // The two clusters share neither slots nor keys.
    const first = await openIoredis({ nodes: [running().proxies[0]?.address ?? ''], protocol: 3 });
    const second = await openIoredis({ nodes: [spares[0] ?? ''], protocol: 3 });
    try {
      for (let number = 0; number < 50; number += 1) {
        await first.send(`key${number}`, ['SET', `key${number}`, 'first']);
        await second.send(`key${number}`, ['SET', `key${number}`, 'second']);
        expect(await first.send(`key${number}`, ['GET', `key${number}`])).toBe('first');
      }
    } finally {
      await Promise.all([first.close(), second.close()]);
    }

    expect(await json('cluster', 'delete', 'second', '--yes')).toEqual({
      deleted: 'second',
      proxies: spares,
    });
    expect(await json('cluster', 'list')).toMatchObject({ clusters: [{ name: 'demo' }] });
    await until(
      'the spare proxies serve nothing',
      async () => {
        const { proxies } = await status();
        const freed = proxies.filter(({ address }) => spares.includes(address));
        return freed.every((proxy) => proxy.cluster === null && proxy.coveredSlots === 0);
      },
      { timeoutMs: 10_000 },
    );
  });

  it('up and status follow the loss of a proxy', async () => {
    const { brokerUrl, clusterName } = running();
    const [leaving] = servingAddresses(await clusterDocument(brokerUrl, clusterName));
    const proxy = running().proxies.find(({ address }) => address === leaving);
    if (proxy === undefined) throw new Error('no proxy');
    await killProxy(proxy, { withRedis: true });
    expect(await running().event('proxy-exited', 5000)).toMatchObject({
      address: leaving,
      pid: proxy.pid,
      signal: 'SIGKILL',
    });
    await running().event('redis-exited', 5000);
    expect(await running().event('failover', 15_000)).toMatchObject({ failed: leaving });
    expect(await running().event('proxy-replaced', 15_000)).toMatchObject({ removed: leaving });
    await running().event('cluster-healthy', 15_000);
    const { clusters, proxies } = await status();
    expect(clusters).toEqual([{ name: 'demo', isHealthy: true, moves: [], problems: [] }]);
    const lost = proxies.find(({ address }) => address === leaving);
    expect(lost).toMatchObject({ cluster: null, epoch: null });
    expect(lost?.health).not.toBe('ok');
    // It reports the loss and leaves the rest to the product: nothing is started again.
    expect(isAlive(proxy.pid)).toBe(false);
  });
});
