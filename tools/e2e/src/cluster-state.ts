import { clusterDocument, type ClusterDocument } from './broker-http.ts';
import { askFields, proxyEpoch } from './node-facts.ts';
import type { RunningCluster } from './running-cluster.ts';
import { until } from './until.ts';

/** The proxies that the broker shows as members, each once. */
export function memberAddresses(document: ClusterDocument): readonly string[] {
  return [...new Set(document.nodes.map((node) => node.proxy_address))];
}

/** The proxies that serve slots. */
export function servingAddresses(document: ClusterDocument): readonly string[] {
  const serving = document.nodes.filter((node) => node.slots.length > 0);
  return [...new Set(serving.map((node) => node.proxy_address))];
}

/** Waits until every member serves all slots by the broker's metadata and every replica is in sync. */
export async function untilHealthy(
  cluster: RunningCluster,
  timeoutMs: number,
): Promise<ClusterDocument> {
  return until(
    `cluster ${cluster.clusterName} is healthy`,
    async () => {
      const document = await clusterDocument(cluster.brokerUrl, cluster.clusterName);
      for (const address of memberAddresses(document)) await checkProxy(address, document.epoch);
      await checkReplication(document);
      return document;
    },
    { timeoutMs, intervalMs: 100 },
  );
}

async function checkProxy(address: string, epoch: number): Promise<void> {
  const info = await askFields(address, 'CLUSTER', 'INFO');
  if (info.get('cluster_state') !== 'ok') throw new Error(`${address} does not serve all slots`);
  const held = await proxyEpoch(address);
  if (held < epoch) throw new Error(`${address} is at epoch ${held}, the cluster at ${epoch}`);
}

/** Fails unless each Redis has the role that the document gives it, and each replica the whole of its master's data. */
async function checkReplication(document: ClusterDocument): Promise<void> {
  for (const node of document.nodes) {
    const info = await askFields(node.address, 'INFO', 'replication');
    const role = info.get('role') === 'slave' ? 'replica' : info.get('role');
    if (role !== node.repl.role) throw new Error(`${node.address} is a ${role}`);
    if (role === 'master') continue;
    const master = `${info.get('master_host')}:${info.get('master_port')}`;
    const wanted = node.repl.peers[0]?.node_address;
    if (master !== wanted) throw new Error(`${node.address} replicates ${master}, not ${wanted}`);
    const link = info.get('master_link_status');
    if (link !== 'up' || info.get('master_sync_in_progress') !== '0') {
      throw new Error(`${node.address} is not in sync with ${master}: link ${link}`);
    }
  }
}
