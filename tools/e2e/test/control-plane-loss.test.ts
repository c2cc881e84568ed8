import { expect, it } from 'vitest';
import { brokerEpoch, brokerMetadata, clusterDocument } from '../src/broker-http.ts';
import { servingAddresses } from '../src/cluster-state.ts';
import { describeReport, FaultDrill, RECOVERY_MS_MAX } from '../src/fault-drill.ts';
import { openIoredis } from '../src/ioredis-client.ts';
import { startProgramCluster } from '../src/program-cluster.ts';
import { isAlive, killProxy, type ProxyPart } from '../src/running-cluster.ts';
import { until } from '../src/until.ts';
import { printedSeed, useCluster } from './use-cluster.ts';

const running = useCluster(() => startProgramCluster({ port: 26200 }));

async function servingProxy(): Promise<ProxyPart> {
  const [address] = servingAddresses(await clusterDocument(running().brokerUrl, 'demo'));
  const proxy = running().proxies.find((candidate) => candidate.address === address);
  if (proxy === undefined) throw new Error(`no proxy ${address}`);
  return proxy;
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await until('the process is gone', () => !isAlive(pid), { timeoutMs: 5000 });
}

it(
  'goes on without a coordinator, without the broker, and fails over again afterwards',
  {
    timeout: 150_000,
  },
  async () => {
    const cluster = running();
    const { brokerUrl } = cluster;
    const nodes = cluster.proxies.map(({ address }) => address);
    const client = await openIoredis({ nodes, protocol: 3 });
    const seed = printedSeed('control plane');
    const drill = new FaultDrill({ cluster, client, seed, label: 'control' });
    const losing = async (what: string): Promise<void> => {
      const proxy = await servingProxy();
      const report = await drill.survive({
        strike: () => killProxy(proxy, { withRedis: true }),
        leaving: proxy.address,
      });
      console.info(`${what}: ${describeReport(report)}`);
      expect(report.outageMs).toBeLessThanOrEqual(RECOVERY_MS_MAX);
    };
    try {
      await kill(cluster.coordinators[0]?.pid ?? -1);
      await drill.calm(1000);
      await losing('with one of two coordinators');
      await drill.calm(1000);

      const epoch = await brokerEpoch(brokerUrl);
      const metadata = await brokerMetadata(brokerUrl);
      await kill(cluster.brokerPid);
      // No command notices.
      await drill.calm(4000);
      await cluster.startBroker();
      expect(await brokerEpoch(brokerUrl)).toBe(epoch);
      expect(await brokerMetadata(brokerUrl)).toEqual(metadata);
      await drill.calm(1000);
      await losing('after a restart of the broker');
      expect(await brokerEpoch(brokerUrl)).toBeGreaterThan(epoch);
      await drill.calm(1000);
      await drill.finish();
      console.info(drill.workload.summary());
    } finally {
      await drill.abandon();
      await client.close();
    }
  },
);
