import { RawClient } from '@undermoon/testkit';
import { describe, expect, it } from 'vitest';
import { clusterDocument } from '../src/broker-http.ts';
import { memberAddresses, servingAddresses, untilHealthy } from '../src/cluster-state.ts';
import { describeReport, FaultDrill, RECOVERY_MS_MAX } from '../src/fault-drill.ts';
import { openIoredis } from '../src/ioredis-client.ts';
import { slotTags } from '../src/key-slot.ts';
import { ask, askFields, proxyEpoch } from '../src/node-facts.ts';
import { openNodeRedis } from '../src/node-redis-client.ts';
import { startProgramCluster, type ProgramCluster } from '../src/program-cluster.ts';
import { failedProxies, freeze, thaw } from '../src/proxy-signals.ts';
import { isAlive, killProxy } from '../src/running-cluster.ts';
import { until, within } from '../src/until.ts';
import { printedSeed, useCluster } from './use-cluster.ts';

// A frozen node answers nothing and closes nothing, so applications set a time limit.
const COMMAND_TIMEOUT_MS = 1000;
// A proxy that comes back is told within so long that it has been replaced.
const DISMISS_MS_MAX = 5000;

const running = useCluster(() => startProgramCluster({ port: 26150 }));

/** The index of the first proxy that serves slots, and its slots' first key. */
async function servingProxy(cluster: ProgramCluster): Promise<{ index: number; key: string }> {
  const document = await clusterDocument(cluster.brokerUrl, 'demo');
  const [address = ''] = servingAddresses(document);
  const slot = document.nodes.find((node) => node.proxy_address === address && node.slots.length)
    ?.slots[0]?.range_list[0]?.[0];
  const key = `{${slotTags()[slot ?? 0]}}`;
  return { index: cluster.proxies.findIndex((proxy) => proxy.address === address), key };
}

/** New clients find the cluster, whichever of these addresses they ask first. */
async function expectUsableFrom(nodes: readonly string[]): Promise<void> {
  for (let round = 0; round < 6; round += 1) {
    for (const open of [openIoredis, openNodeRedis]) {
      const client = await open({ nodes, protocol: 3 });
      try {
        const key = `found:${round}`;
        const reply = await within(client.name, client.send(key, ['SET', key, 'x']), 5000);
        expect(reply).toBe('OK');
      } finally {
        await client.close();
      }
    }
  }
}

describe('a proxy fails alone, its Redis servers live on', { timeout: 120_000 }, () => {
  it('is replaced when it is killed, and is free when it returns', async () => {
    const cluster = running();
    const client = await openIoredis({
      nodes: cluster.proxies.map(({ address }) => address),
      protocol: 3,
    });
    const seed = printedSeed('killed proxy');
    const drill = new FaultDrill({ cluster, client, seed, label: 'killed' });
    try {
      const { index, key } = await servingProxy(cluster);
      const proxy = cluster.proxies[index];
      if (proxy === undefined) throw new Error('no proxy');
      const report = await drill.survive({
        strike: () => killProxy(proxy, { withRedis: false }),
        leaving: proxy.address,
      });
      console.info(`killed proxy: ${describeReport(report)}`);
      expect(report.outageMs).toBeLessThanOrEqual(RECOVERY_MS_MAX);
      expect(proxy.redis.every(({ pid }) => isAlive(pid))).toBe(true);

      await cluster.startProxy(index);
      // Until it is told anything it serves nothing, although its Redis servers still hold the old data.
      expect(await ask(proxy.address, 'GET', key)).toMatchObject({ type: 'error' });
      await until(
        'the returned proxy has metadata',
        async () => (await proxyEpoch(proxy.address)) >= report.document.epoch,
        { timeoutMs: DISMISS_MS_MAX },
      );
      expect(await ask(proxy.address, 'GET', key)).toMatchObject({ type: 'error' });
      expect((await askFields(proxy.address, 'CLUSTER', 'INFO')).get('cluster_state')).toBe('fail');
      await expectUsableFrom([proxy.address, ...servingAddresses(report.document)]);
      expect(await failedProxies(cluster.brokerUrl)).toContain(proxy.address);
      expect(await cluster.register(proxy)).toBe(409);
      expect(await failedProxies(cluster.brokerUrl)).toEqual([]);
      await drill.calm(2000);
      await drill.finish();
      console.info(drill.workload.summary());
    } finally {
      await drill.abandon();
      await client.close();
    }
  });

  it('is replaced when it freezes, and serves nothing once it knows when it goes on', async () => {
    const cluster = running();
    // ioredis asks for the slots from time to time; node-redis only when a connection closes, which here none does.
    const client = await openIoredis({
      nodes: cluster.proxies.map(({ address }) => address),
      protocol: 3,
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
    });
    const seed = printedSeed('frozen proxy');
    const drill = new FaultDrill({ cluster, client, seed, label: 'frozen' });
    const { index, key } = await servingProxy(cluster);
    const proxy = cluster.proxies[index];
    if (proxy === undefined) throw new Error('no proxy');
    try {
      // A connection from before: it is not told that its node was replaced.
      await using bystander = await RawClient.connect(proxy.address);
      expect(await bystander.command('SET', `bystander:${key}`, 'before')).toMatchObject({
        value: 'OK',
      });
      const report = await drill.survive({
        strike: () => Promise.resolve(freeze(proxy.pid)),
        leaving: proxy.address,
      });
      console.info(`frozen proxy: ${describeReport(report)}`);
      expect(report.outageMs).toBeLessThanOrEqual(RECOVERY_MS_MAX);
      expect(memberAddresses(report.document)).not.toContain(proxy.address);
      await drill.calm(1000);

      await client.send(key, ['SET', `bystander:${key}`, 'after']);
      const thawedAt = thaw(proxy.pid);
      let staleCount = 0;
      await until(
        'the returned proxy refuses to serve',
        async () => {
          const reply = await within('a reply', bystander.command('GET', `bystander:${key}`), 2000);
          if (reply.type === 'bulk' && reply.value.toString() === 'before') staleCount += 1;
          return reply.type === 'error';
        },
        { timeoutMs: DISMISS_MS_MAX, intervalMs: 1 },
      );
      const tookMs = Math.round(performance.now() - thawedAt);
      console.info(`refuses ${tookMs} ms after it went on; ${staleCount} old values until then`);
      expect(await proxyEpoch(proxy.address)).toBeGreaterThanOrEqual(report.document.epoch);
      await drill.calm(2000);
      await untilHealthy(cluster, 5000);
      await drill.finish();
      console.info(drill.workload.summary());
    } finally {
      if (isAlive(proxy.pid)) thaw(proxy.pid);
      await drill.abandon();
      await client.close();
    }
  });
});
