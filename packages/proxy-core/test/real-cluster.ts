import { freePort, RawClient, type RedisServer, startRedis } from '@undermoon/testkit';
import { vi } from 'vitest';

/** A Redis Cluster of Redis' own: one master with all slots, and one replica of it. */
export interface RealCluster {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  stop(): Promise<void>;
}

/** Starts one and waits until both nodes serve and are in step. */
export async function startRealCluster(): Promise<RealCluster> {
  const [master, replica] = await Promise.all([startNode(), startNode()]);
  await using toMaster = await RawClient.connect(master.address);
  await using toReplica = await RawClient.connect(replica.address);
  await toMaster.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await toReplica.command('CLUSTER', 'MEET', master.host, `${master.port}`, `${master.busPort}`);
  const id = await textOf(toMaster, 'CLUSTER', 'MYID');
  const follow = () => textOf(toReplica, 'CLUSTER', 'REPLICATE', id);
  await vi.waitUntil(async () => (await follow()) === 'OK', { timeout: 55_000 });
  const isUp = async (client: RawClient): Promise<boolean> => {
    const state = await textOf(client, 'CLUSTER', 'INFO');
    const link = await textOf(client, 'INFO', 'replication');
    const nodes = await textOf(client, 'CLUSTER', 'NODES');
    return (
      state.includes('cluster_state:ok') &&
      nodes.includes('slave') &&
      (link.includes('master_link_status:up') || link.includes('state=online'))
    );
  };
  for (const client of [toMaster, toReplica]) {
    await vi.waitUntil(() => isUp(client), { timeout: 55_000 });
  }
  return {
    master,
    replica,
    async stop() {
      await Promise.all([master.stop(), replica.stop()]);
    },
  };
}

async function startNode(): Promise<RedisServer & { readonly busPort: number }> {
  const busPort = await freePort();
  const args = ['--cluster-enabled', 'yes', '--cluster-port', `${busPort}`];
  return Object.assign(await startRedis({ args }), { busPort });
}

async function textOf(client: RawClient, ...words: string[]): Promise<string> {
  const reply = await client.command(...words);
  return 'value' in reply ? String(reply.value) : '';
}
