import { expect } from 'vitest';
import { clusterDocument, type ClusterDocument } from '../src/broker-http.ts';
import { memberAddresses, servingAddresses } from '../src/cluster-state.ts';
import { describeReport, FaultDrill, type FaultReport } from '../src/fault-drill.ts';
import { killProxy, type ProxyPart, type RunningCluster } from '../src/running-cluster.ts';
import type { StockClient } from '../src/stock-client.ts';
import { printedSeed } from './use-cluster.ts';

/**
 * Kills, under work of the client: a proxy with its Redis servers; the spare one that took its place, once that is
 * in sync; and then the one that has served all the time. Of four proxies one is left in the end. Returns what each
 * loss did.
 */
export async function loseThreeOfFour(
  cluster: RunningCluster,
  client: StockClient,
): Promise<readonly FaultReport[]> {
  const label = client.name.replace(' ', '-');
  const reports: FaultReport[] = [];
  const drill = new FaultDrill({ cluster, client, seed: printedSeed(client.name), label });
  try {
    await drill.calm(2000);
    const first = await member(cluster, { isServing: true });
    const spareAddresses = await spares(cluster);
    const afterFirst = await loseProxy(drill, first);
    expect(memberAddresses(afterFirst)).toHaveLength(2);
    const joined = memberAddresses(afterFirst).find((address) => spareAddresses.includes(address));
    expect(joined).toBeDefined();
    await drill.calm(2000);

    const second = await member(cluster, { isServing: false });
    expect(second.address).toBe(joined);
    const afterSecond = await loseProxy(drill, second);
    expect(memberAddresses(afterSecond)).toHaveLength(2);
    await drill.calm(2000);

    // Nobody is left to take its place: the replicas go on alone.
    const third = await member(cluster, { isServing: true });
    const last = memberAddresses(afterSecond).find((address) => address !== third.address);
    const afterThird = await loseProxy(drill, third, { hasSpare: false });
    expect(servingAddresses(afterThird)).toEqual([last]);
    await drill.calm(2000);
    await drill.finish();
    console.info(drill.workload.summary());
    return reports;
  } finally {
    await drill.abandon();
  }

  async function loseProxy(
    at: FaultDrill,
    proxy: ProxyPart,
    { hasSpare = true } = {},
  ): Promise<ClusterDocument> {
    const strike = (): Promise<number> => killProxy(proxy, { withRedis: true });
    const report = await at.survive({ strike, leaving: proxy.address, hasSpare });
    console.info(`${client.name}: ${proxy.address} killed: ${describeReport(report)}`);
    expect(servingAddresses(report.document)).not.toContain(proxy.address);
    reports.push(report);
    return report.document;
  }
}

async function member(
  cluster: RunningCluster,
  { isServing }: { readonly isServing: boolean },
): Promise<ProxyPart> {
  const document = await clusterDocument(cluster.brokerUrl, cluster.clusterName);
  const serving = servingAddresses(document);
  const members = memberAddresses(document);
  const address = members.find((candidate) => serving.includes(candidate) === isServing);
  const proxy = cluster.proxies.find((candidate) => candidate.address === address);
  if (proxy === undefined) throw new Error('no such member');
  return proxy;
}

async function spares(cluster: RunningCluster): Promise<readonly string[]> {
  const document = await clusterDocument(cluster.brokerUrl, cluster.clusterName);
  const members = memberAddresses(document);
  return cluster.proxies
    .map(({ address }) => address)
    .filter((address) => !members.includes(address));
}
